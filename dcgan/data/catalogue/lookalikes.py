"""Class names that are hardly meant: two that look the same, and one that is several."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
# Letters of Cyrillic and Greek, and the Latin ones that they look like.
_ALPHABETS = str.maketrans(
    "асеіјорѕухһӏԁԛԝАВСЕНІЈКМОРЅТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧον", "aceijopsyxhldqwABCEHIJKMOPSTYXABEZHIKMNOPTYXov"
)
_SEPARATORS = "|;,/&+ "  # between several labels in one
MAX_SHOWN = 3  # such names in a warning

_DASHES = re.compile("[\u2010-\u2015\u2212_]")


def warnings(counts: Mapping[str, int]) -> list[str]:
    """A warning for each group of classes whose names look the same, and one for those that are several labels.

    Args:
        counts: images by class.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[_look(name)].append(name)
    alike = [_told(names, counts) for _, names in sorted(groups.items()) if len(names) > 1]
    return alike + _several_labels(counts)


def _several_labels(counts: Mapping[str, int]) -> list[str]:
    """A warning of names such as `scab|rust`, where `scab` and `rust` are classes too."""
    found = [name for name in counts if any(_are_classes(name.split(sign), counts) for sign in _SEPARATORS)]
    if not found:
        return []
    shown = ", ".join(f"{name!r} ({counts[name]:,})" for name in found[:MAX_SHOWN])
    more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
    return [
        f"Of these classes, the parts of the name are classes as well: {shown}{more}. If these images have several "
        "labels, give each image one"
    ]


def _are_classes(parts: list[str], counts: Mapping[str, int]) -> bool:
    return len(parts) > 1 and all(part.strip() and part.strip() in counts for part in parts)


def _look(name: str) -> str:
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).translate(_ALPHABETS).casefold()
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", plain))
    return re.sub(r"[\s\-]+", " ", plain).strip()


def _told(names: list[str], counts: Mapping[str, int]) -> str:
    shown = " and ".join(f"{name!r} ({counts[name]:,})" for name in names)
    return (
        f"Classes {shown} look the same: they differ in {' and '.join(_differences(names))}. If they are one class, "
        "give them one name"
    )


def _differences(names: Iterable[str]) -> list[str]:
    """What tells names apart: each kind of difference that is left when all other kinds are undone."""
    undo: dict[str, Callable[[str], str]] = {
        "how letters with marks are encoded (NFC, NFD)": lambda name: unicodedata.normalize("NFC", name),
        "forms of the same characters": lambda name: re.sub(r"\S+", _compatible, name),  # spaces are a kind below
        "characters that are not seen": lambda name: _INVISIBLE.sub("", name),
        "letters of different alphabets": lambda name: name.translate(_ALPHABETS),
        "small letters and capitals": str.casefold,
        "dashes and underscores": lambda name: re.sub(r" *- *", " ", _DASHES.sub("-", name)),
        "spaces": lambda name: re.sub(r"\s+", " ", name).strip(),
    }
    encoding, forms, *_ = undo
    found = []
    for kind in undo:
        left = set(names)
        for other, act in undo.items():
            # The second undoes what the first does, too.
            if other != kind and not (kind == encoding and other == forms):
                left = {act(name) for name in left}
        if len(left) > 1:
            found.append(kind)
    return found or ["characters alone"]


def _compatible(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found[0])
