"""What has changed since an earlier run, in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dcgan.files.names import escape
from dcgan.pipeline.fingerprints import Fingerprints
from dcgan.pipeline.reuse.records import ANEW, FEWER, FURTHER, KEPT, MADE, MORE, Change, Former
from dcgan.text import counted


def told_classes(classes: Mapping[str, Change]) -> str:
    """The classes in one line: `3 classes unchanged, 1 trained further: cat (12 images more)`."""
    parts: list[str] = []
    for kind in (KEPT, MORE, FEWER, MADE, FURTHER, ANEW):
        some = {label: change.told for label, change in classes.items() if change.kind == kind}
        if some:
            count = f"{len(some):,}" if parts else counted(len(some), "class")
            names = ", ".join(f"{label} ({told})" for label, told in some.items())
            parts.append(f"{count} {kind}" + (f": {names}" if kind != KEPT else ""))
    return ", ".join(parts)


def told_names(
    former: Former, prints: Fingerprints, lineage: Mapping[str, np.ndarray], renamed: Mapping[str, str]
) -> list[str]:
    """What has become of labels since a run: other names, classes gone, and images that have another label now."""
    told = [f"Class {name} is called {label} now" for label, name in renamed.items()]
    gone = sorted(set(former.prints["classes"]) - set(prints["classes"]) - set(renamed.values()))
    told += [f"Class {name} is gone" for name in gone]
    before, now = _labelled(former.lineage, former.prints, "before"), _labelled(lineage, prints, "now")
    both = before.merge(now, on="image")
    moved = both[both["before"] != both["now"]].groupby(["before", "now"]).size()
    for name, label, count in moved.reset_index(name="count").itertuples(index=False, name=None):
        if renamed.get(label) != name:
            told.append(f"{counted(count, 'training image')} of class {name} now of class {label}")
    return told


def _labelled(lineage: Mapping[str, np.ndarray], prints: Fingerprints, column: str) -> pd.DataFrame:
    """All training images of a run and their labels."""
    images = {label: lineage[f"now/{escape(label)}"] for label in prints["classes"]}
    labels = np.repeat(np.array(list(images), object), [len(of_class) for of_class in images.values()])
    return pd.DataFrame({"image": np.concatenate(list(images.values())), column: labels})


def difference(before: np.ndarray, now: np.ndarray) -> str:
    """How many images were added and taken away: `12 images more, 1 fewer`."""
    counts = {"more": len(np.setdiff1d(now, before)), "fewer": len(np.setdiff1d(before, now))}
    told = [f"{counted(count, 'image')} {word}" for word, count in counts.items() if count]
    return ", ".join(told) or "its training did not end before"
