"""Names of splits: what folders and table columns call the parts for training, validation and testing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a split is for."""

    TRAIN = "train"
    VALIDATION = "val"
    TEST = "test"
    OTHER = "other"
    """A part that cannot be trained or tested on as it is, such as images without labels."""


_WORDS = {
    Role.TRAIN: ("train", "training", "trn", "trainval", "learn"),
    Role.VALIDATION: ("val", "valid", "validation", "validate", "validating", "dev", "devel", "development"),
    Role.TEST: ("test", "testing", "tst", "eval", "evaluation", "holdout", "heldout"),
    Role.OTHER: ("unlabeled", "unlabelled", "extra", "predict", "prediction", "pred", "inference", "query", "gallery"),
}
_BESIDE = (  # words that stand beside these and change nothing: `train_set`, `Final_Training`, `seg_test`, `val2017`
    "set", "sets", "data", "dataset", "datasets", "image", "images", "img", "imgs", "picture", "pictures", "photos",
    "files", "samples", "split", "folder", "dir", "final", "public", "private", "seg", "cropped", "resized", "raw",
    "full", "all", "new", "labeled", "labelled", "out", "hold", "held",
)  # fmt: skip
_ROLES = {f"{word}{end}": role for role, words in _WORDS.items() for word in words for end in ("", *_BESIDE)} | {
    f"{word}{other}": Role.TRAIN for word in _WORDS[Role.TRAIN] for other in _WORDS[Role.VALIDATION]
}
# Words that hardly any class is called; the others count beside a split that is trained on.
_SURE = (
    "train",
    "training",
    "trainval",
    "val",
    "valid",
    "validation",
    "test",
    "testing",
    "unlabeled",
    "unlabelled",
    "extra",
)
_AS_THEY_ARE = {"train", "val", "valid", "validation", "test"}  # splits that keep their folder's name, in small letters
_CONTAINERS = {  # words for what any source holds
    "image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "data", "dataset",
    "datasets", "files", "samples", "archive", "jpeg", "jpegs", "jpegimages", "jpg", "jpgs", "png", "pngs", "ppm",
    "classes", "categories", "extracted", "unzipped",
}  # fmt: skip


def role(name: str) -> Role | None:
    """What a split of this name is for; None where a split is hardly called so.

    >>> role("Train"), role("Final_Test"), role("val2017"), role("bullet train")
    (<Role.TRAIN: 'train'>, <Role.TEST: 'test'>, <Role.VALIDATION: 'val'>, None)
    """
    words = _words(name)
    telling = [word for word in words if word not in _BESIDE] or words
    found = {_ROLES.get(word) for word in telling}
    if found == {Role.TRAIN, Role.VALIDATION}:  # train_val
        return Role.TRAIN
    return found.pop() if len(found) == 1 else None


def sure(found: Collection[str]) -> set[str]:
    """The names, of folders beside each other, that are splits rather than classes.

    `valid` beside `invalid` is a class.
    """
    beside = {name.casefold() for name in found}
    return {name for name in found if _is_sure(name) and not {f"in{name.casefold()}", f"un{name.casefold()}"} & beside}


def _is_sure(name: str) -> bool:
    return role(name) is not None and any(
        word.startswith(start) and (word == start or word.removeprefix(start) in _BESIDE)
        for word in _words(name)
        for start in _SURE
    )


def is_container(name: str) -> bool:
    """Whether a folder's name says nothing of what is in it: `images`, `raw_data`."""
    words = set(_words(name))
    return bool(words & _CONTAINERS) and words <= _CONTAINERS | set(_BESIDE)


def alike(found: Iterable[str]) -> list[str]:
    """Names that differ in a word for a split alone, such as `trainA` and `testA`: the first few that there are."""
    of_rest: dict[str, list[str]] = {}
    for name in found:
        words = _words(name)
        left = [word for word in words if word not in _ROLES]
        if 0 < len(left) < len(words):
            of_rest.setdefault(" ".join(left), []).append(name)
    return next((sorted(names) for names in of_rest.values() if len(names) > 1), [])


def names(found: Iterable[str]) -> dict[str, str] | None:
    """The split that each of the source's names for splits means.

    Args:
        found: names that folders or values of a column have.

    Returns:
        Of each name: "train" for the one that is trained on, "val" or "test" where only one is for that, else the name
        in small letters. None where several are for training.
    """
    roles = {name: role(name) or Role.OTHER for name in found}
    if sum(of_name is Role.TRAIN for of_name in roles.values()) > 1:
        return None
    taken = {name.lower() for name in roles}
    return {
        name: name.lower()
        if name.lower() in _AS_THEY_ARE
        or of_name is Role.OTHER
        or list(roles.values()).count(of_name) > 1
        or (of_name.value in taken)
        else of_name.value
        for name, of_name in roles.items()
    }


def find(wanted: str, found: Iterable[str]) -> str | None:
    """The split that is meant by a name: it is called so, or so in another case, or alone is for the same."""
    splits = list(found)
    if wanted in splits:
        return wanted
    for alike in (
        [one for one in splits if one.casefold() == wanted.casefold()],
        [one for one in splits if role(wanted) not in (None, Role.OTHER) and role(one) is role(wanted)],
    ):
        if len(alike) == 1:
            return alike[0]
    return None


def setting(found: Iterable[str]) -> str:
    """What to write into a job file so that these names are splits: `{train: Training, test: Testing}`."""
    of_split: dict[str, list[str]] = {}
    for name in sorted(found):
        of_name = role(name)
        split = of_name.value if of_name not in (None, Role.OTHER) else name.lower()
        of_split.setdefault(split, []).append(name)
    return _flow(of_split)


def _flow(of_split: Mapping[str, list[str]]) -> str:
    folders = {split: ones[0] if len(ones) == 1 else f"[{', '.join(ones)}]" for split, ones in of_split.items()}
    order = sorted(folders, key=lambda split: (split != "train", split))
    return f"{{{', '.join(f'{split}: {folders[split]}' for split in order)}}}"


def _words(name: str) -> list[str]:
    """The words of a name in small letters, digits left out: of `trainB_01`, `train` and `b`."""
    plain = unicodedata.normalize("NFKC", name)
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+", plain)]
