"""Which of the pictures that could be read are used: what depends on all of them."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pandas as pd

from dcgan.config import SIDE_MAX, SIDE_MIN, DataConfig
from dcgan.data.catalogue import splits
from dcgan.data.catalogue.opening import ACCEPTED, QUARANTINED
from dcgan.data.catalogue.reasons import DUPLICATE, ODD_SIZE, TWO_LABELS
from dcgan.errors import InputError

UNUSED = "unused"  # a verdict, beside those of `opening`

SIZE_TOLERANCE = 1.25  # a side may be so many times the usual one, or its inverse, to be resized without being asked
MAX_ODD_SHARE = 0.05  # of the images may be of another size and are left out; more means that sizes differ widely
MAX_LABELS = 50  # of one image; one of more, such as an empty picture in every class, tells nothing of classes
HELD = 0.5  # of a class's images in another class too, from which on it is said that the one holds the other


def leave_out_unused_splits(table: pd.DataFrame, holdout: float | str) -> None:
    """A source's own test and validation images are never trained on, unless the job names one of them to hold out.

    Raises:
        InputError: the job names a split that there is not.
    """
    found = sorted(set(table.loc[table["split"] != "", "split"]))
    if isinstance(holdout, str):
        meant = splits.find(holdout, found)
        if meant is None:
            lines = f"it has {', '.join(found)}" if found else "it has no splits; give a share, such as 0.2"
            raise InputError(f"data.holdout names the split {holdout!r}, which the source does not have: {lines}")
        table.loc[table["split"] == meant, "split"] = holdout  # as the job calls it, also where that is not quite so
    unused = is_unused(table["split"], holdout)
    table.loc[unused & (table["verdict"] == ACCEPTED), ["verdict", "reason"]] = UNUSED, "split not used by this job"


def is_unused(split: pd.Series[str], holdout: float | str) -> pd.Series[bool]:
    """Whether rows are of a split that is neither trained on nor held out."""
    return (split != "") & ~split.isin(["train", holdout])


def quarantine_duplicates(table: pd.DataFrame, holdout: float | str) -> list[str]:
    """Keep one of each picture: the held-out one, if there is one, rather than its copy for training.

    Returns:
        Warnings: of classes that share most of their images.
    """
    accepted = table[table["verdict"] == ACCEPTED]
    labels_of = accepted.groupby("image_sha256")["label"].nunique()
    in_conflict = accepted["image_sha256"].isin(labels_of.index[labels_of > 1])
    conflicting, sound = accepted[in_conflict], accepted[~in_conflict]
    table.loc[conflicting.index, ["verdict", "reason"]] = QUARANTINED, TWO_LABELS

    ordered = sound.assign(trained=sound["split"] != holdout).sort_values("trained", kind="stable")
    first = ordered.drop_duplicates("image_sha256").set_index("image_sha256")["path"]
    copies = ordered[ordered.duplicated("image_sha256")]  # not by path: a table may list one file twice
    table.loc[copies.index, ["verdict", "reason"]] = QUARANTINED, DUPLICATE
    table.loc[copies.index, "detail"] = [f"of {first[digest]}" for digest in copies["image_sha256"]]
    return _shared(conflicting, accepted)


def _shared(conflicting: pd.DataFrame, accepted: pd.DataFrame) -> list[str]:
    """What to say of classes most of whose images are in another class as well."""
    if conflicting.empty:
        return []
    images = conflicting[["image_sha256", "label"]].drop_duplicates()
    images = images[images.groupby("image_sha256")["label"].transform("size") <= MAX_LABELS]
    pairs = images.merge(images, on="image_sha256", suffixes=("", "_other"))
    shared = pairs[pairs["label"] != pairs["label_other"]].groupby(["label_other", "label"]).size()
    sizes = accepted.drop_duplicates(["image_sha256", "label"])["label"].value_counts()
    inner: dict[str, dict[str, int]] = defaultdict(dict)
    for holder, label, count in shared.reset_index(name="count").itertuples(index=False, name=None):
        if count >= HELD * sizes[label]:
            inner[holder][label] = int(count)
    lines = []
    for holder, counts in inner.items():
        if held := [
            f"{one} ({count:,} of {sizes[one]:,})" for one, count in counts.items() if sizes[one] < sizes[holder]
        ]:
            which = "all others" if len(held) == len(sizes) - 1 and len(held) > 1 else ", ".join(held)
            lines.append(
                f"Class {holder} contains the images of {which}: the set may be there twice, or {holder} is not a "
                "class of its own. Images with two labels are left out"
            )
        lines += [
            f"Classes {holder} and {one} contain the same images. Images with two labels are left out"
            for one in counts
            if sizes[one] == sizes[holder] and holder < one
        ]
    return lines


def settle_size(table: pd.DataFrame, data: DataConfig) -> tuple[int, int]:
    """Height and width of all images; without `image_size` the commonest, and images far from it are left out.

    Raises:
        InputError: sizes differ widely, or no network takes them.
    """
    if data.image_size is not None:
        return data.image_size
    accepted = table[table["verdict"] == ACCEPTED]
    if accepted.empty:
        return SIDE_MIN, SIDE_MIN
    heights, widths = accepted["height"].to_numpy(), accepted["width"].to_numpy()
    (height, width), odd = usual_size(accepted)
    if odd.mean() > MAX_ODD_SHARE:
        smallest, largest = (
            f"{heights[row]} x {widths[row]} px ({accepted['path'].iloc[row]})"
            for row in (int((heights * widths).argmin()), int((heights * widths).argmax()))
        )
        raise InputError(
            f"image sizes differ widely: {smallest} to {largest}, and {odd.mean():.0%} are far from the commonest, "
            f"{height} x {width}. Set data.image_size: [height, width]; images are then resized."
        )
    if min(height, width) < SIDE_MIN or max(height, width) > SIDE_MAX:
        raise InputError(
            f"images are {height} x {width} px; the networks take sides of {SIDE_MIN} to {SIDE_MAX} px. "
            "Set data.image_size: [height, width]; images are then resized."
        )
    left_out = table.index.isin(accepted.index[np.flatnonzero(odd)])
    table.loc[left_out, ["verdict", "reason"]] = QUARANTINED, ODD_SIZE
    table.loc[left_out, "detail"] = f"others are {height} x {width} px; set data.image_size to keep it"
    return height, width


def usual_size(table: pd.DataFrame) -> tuple[tuple[int, int], np.ndarray]:
    """The commonest height and width in px of images, and which images are far from them: bool (n,)."""
    heights, widths = table["height"].to_numpy(), table["width"].to_numpy()
    (height, width), _ = Counter(zip(heights.tolist(), widths.tolist(), strict=True)).most_common(1)[0]
    ratios = np.stack([heights / height, widths / width])
    odd: np.ndarray = np.any((ratios > SIZE_TOLERANCE) | (ratios < 1 / SIZE_TOLERANCE), axis=0)
    return (height, width), odd
