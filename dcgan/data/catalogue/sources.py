"""A source of real images: its entries, each with path, label and split, and how they were read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dcgan.config import DataConfig
from dcgan.data.catalogue.opening import File, Item
from dcgan.data.catalogue.reasons import NUL_IN_NAME
from dcgan.data.catalogue.walking import Tree
from dcgan.text import listed

MAX_NAMED = 8  # names in a message; of more, it says how many there are


@dataclass(frozen=True, slots=True)
class Entry:
    """One input image, or one file that was taken for one."""

    path: str
    """Relative to the source, POSIX; of an image within a file, that file and what is in it: `digits.npz#12`."""
    label: str
    """Class name; "" when the source gives none."""
    split: str = ""
    """Split that the source itself names; "" when it names none."""
    problem: str = ""
    """Why it cannot be used, when that is known before it is opened: one of `reasons`."""


@dataclass(frozen=True)
class Reading:
    """How a source was read: for people, and to see whether the next night reads it in the same way."""

    title: str
    """The kind of source, such as `folder per class`."""
    layout: str
    """Where labels and splits come from. What changes this changes the classes."""
    details: tuple[str, ...] = ()
    """For people, such as `labels from metadata.jsonl`."""
    warnings: tuple[str, ...] = ()
    """What may be wrong, a sentence each."""

    def in_words(self, entries: Iterable[Entry]) -> str:
        """In a line: `Hugging Face image folder, splits train (1,200) and test (300), labels from metadata.jsonl`."""
        counts = Counter(entry.split for entry in entries if entry.split and entry.label and not entry.problem)
        order = sorted(counts, key=lambda split: (split != "train", split))
        splits = [f"{split} ({counts[split]:,})" for split in order]
        named = [f"{'splits' if len(splits) > 1 else 'split'} {listed(splits)}"] if splits else []
        return ", ".join([self.title, *named, *self.details])


class Source:
    """A listed source, whose images are files of their own. Nothing of it is ever written to."""

    def __init__(
        self, root: Path, entries: list[Entry], reading: Reading, empty: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Describe a source.

        Args:
            root: folder that the entries' paths are relative to.
            entries: in a fixed order.
            reading: how they were read.
            empty: split and label of classes that are known without an entry, such as those of empty folders.
        """
        self.root, self.entries, self.reading, self.empty = root, entries, reading, set(empty)

    @property
    def labels(self) -> list[str]:
        """All class names that are known, sorted."""
        return sorted({entry.label for entry in self.entries if entry.label} | {label for _, label in self.empty})

    def item(self, number: int) -> Item:
        """Entry `number`, to be opened."""
        return File(self.file(number))

    def file(self, number: int) -> str:
        """The file that entry `number` is in."""
        return os.path.join(self.root, self.entries[number].path)

    def state(self, number: int) -> tuple[int, int, int]:
        """Of the file that an entry is in: size in bytes, and when its content and anything of it last changed, in ns.

        All are -1 when the system does not tell.
        """
        try:
            found = os.stat(self.file(number))  # noqa: PTH116 (60,000 of them)
        except (OSError, ValueError):  # a NUL in the name
            return -1, -1, -1
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Place:
    """What `data.source` names on this machine, and how the job wants it read."""

    def __init__(self, path: Path, data: DataConfig) -> None:
        self.path, self.data = path, data

    @cached_property
    def tree(self) -> Tree:
        """All folders below."""
        return Tree(self.path)

    def is_file(self, *endings: str) -> bool:
        """Whether it is a file whose name ends so."""
        return self.path.suffix.lower() in endings and not self.path.is_dir()


@dataclass(frozen=True)
class Format:
    """One form of sources. Each is declared in a module of `formats`."""

    name: str
    """As `data.format` names it."""
    expected: str
    """What such a source is, for the message that a source is of no known form."""
    recognises: Callable[[Place], bool]
    """Whether a place holds one; cheap, and never raises for what is merely damaged."""
    read: Callable[[Place], Source]
    """List it; raises InputError with what is wrong."""
    names_in: Callable[[Place], Iterable[str]] = lambda _: ()
    """The files, relative to the folder that the place is in, that belong to a file: those that a table lists. They may
    lack their endings."""


def as_text(name: str) -> str:
    """A name as text that can be written down: bytes that are not UTF-8, and NUL, show as escapes."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def problem_of_label(label: str) -> str:
    """Why a class cannot have this name; "" when it can."""
    return NUL_IN_NAME if "\0" in label else ""  # no folder can have it; names with NUL are for use inside the code


def named(names: Iterable[str]) -> str:
    """Names for a message, the first few of many: `a, b, c and 777 more`."""
    shown = [as_text(str(name)) for name in names]
    more = len(shown) - MAX_NAMED
    return ", ".join(shown) if more <= 0 else f"{', '.join(shown[:MAX_NAMED])} and {more:,} more"
