"""From the paths in a table to files: as they stand, or as they must be meant when none stands as written.

A reading other than the written one is taken only where it fits every row that needs one, and no other reading gives
other files. What is taken is said.
"""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from dcgan.data.catalogue.walking import ENDINGS, Tree
from dcgan.errors import InputError

MAX_LEVELS = 6  # of folders that may stand before the paths on another machine

Rename = Callable[[str], str | None]
Form = Literal["NFC", "NFD"]
"""Forms of Unicode, which name the same characters in different ways."""


def find_files(root: Path, names: Sequence[str], where: str) -> tuple[list[str], list[bool], list[str]]:
    """Find the files that a table names.

    Args:
        root: folder that they are relative to.
        names: as the table has them; "" where it has none.
        where: file and column, for messages.

    Returns:
        Paths relative to the folder, POSIX; which of them are there; and what was read otherwise than written.

    Raises:
        InputError: no file is there as written, and more than one way to read them fits all.
    """
    paths = [PurePosixPath(name).as_posix() if name else "" for name in names]
    there = [bool(path) and _is_file(root, path) for path in paths]
    lacking = [number for number, found in enumerate(there) if paths[number] and not found]
    if not lacking:
        return paths, there, []
    fitting: dict[tuple[str, ...], str] = {}
    for note, rename in _readings(root, [names[number] for number in lacking], none_there=not any(there)):
        renamed = [rename(names[number]) for number in lacking]
        if all(one is not None and _is_file(root, one) for one in renamed):
            fitting.setdefault(tuple(str(one) for one in renamed), note)
    if len(fitting) > 1:
        raise InputError(
            f"{where}: no file is where the table says, such as {names[lacking[0]]}, and there is more than one way to "
            f"read it: {'; or '.join(fitting.values())}. Write the paths as they are, or name their folder: data.images"
        )
    if not fitting:
        return paths, there, []
    [(renamed_all, note)] = fitting.items()
    for number, path in zip(lacking, renamed_all, strict=True):
        paths[number], there[number] = PurePosixPath(path).as_posix(), True
    return paths, there, [note]


def _is_file(root: Path, path: str) -> bool:
    return os.path.isfile(os.path.join(root, path))  # noqa: PTH113 (faster)


def _readings(root: Path, names: Sequence[str], *, none_there: bool) -> Iterator[tuple[str, Rename]]:
    """How else the paths may be meant, in words and as a function to a path, or to None where there is no such file.

    Args:
        root: folder that they are relative to.
        names: those that are not there as written.
        none_there: whether no row's file is there as written. Else the others show how paths are written, and only
            what can name no other file is tried.
    """
    yield from _same_names(names)
    if not none_there:
        return
    folders = _Folders(root)
    yield "without the endings of files", folders.with_ending
    yield "in another case", folders.in_case
    for level in range(1, MAX_LEVELS + 1):
        if all(len(_parts(name)) > level for name in names):
            yield f"without {_first(names[0], level)}, which they begin with", _dropping(level)
    for folder in folders.holding(names[0]):
        within = _within(folder)
        yield f"in {folder}/", within
        yield f"in {folder}/, without the endings of files", _then(within, folders.with_ending)


def _same_names(names: Sequence[str]) -> Iterator[tuple[str, Rename]]:
    if any("\\" in name for name in names):
        yield "with / for \\", _slashes
    if any(name != name.strip() for name in names):
        yield "without spaces around them", lambda name: name.strip()
    for form in get_args(Form):
        if any(not unicodedata.is_normalized(form, name) for name in names):
            yield f"in the Unicode form {form}", _normalized(form)


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _parts(name: str) -> list[str]:
    return [part for part in _slashes(name).split("/") if part not in ("", ".")]


def _first(name: str, level: int) -> str:
    lead = "/" if name.startswith("/") else ""
    return f"{lead}{'/'.join(_parts(name)[:level])}/"


def _dropping(level: int) -> Rename:
    return lambda name: "/".join(_parts(name)[level:])


def _within(folder: str) -> Callable[[str], str]:
    return lambda name: f"{folder}/{_slashes(name)}"


def _then(first: Callable[[str], str], second: Rename) -> Rename:
    return lambda name: second(first(name))


def _normalized(form: Form) -> Rename:
    return lambda name: unicodedata.normalize(form, name)


class _Folders:
    """The files below a folder, by names that are not quite theirs. Listed when first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[tuple[bool, str], dict[str, list[str]]] = {}
        self._tree: Tree | None = None

    def with_ending(self, name: str) -> str | None:
        """The only image in the same folder with this name, apart from its extension."""
        return self._only(name, _without_ending, by_case=False)

    def in_case(self, name: str) -> str | None:
        """The only file in the same folder with this name, in any case."""
        return self._only(name, str.casefold, by_case=True)

    def holding(self, name: str) -> list[str]:
        """Folders below in which a file of this path is, with or without its ending."""
        self._tree = self._tree or Tree(self._root)
        within, _, last = _slashes(name).strip("/").rpartition("/")
        found = []
        for parts, files, _ in self._tree.folders:
            path = "/".join(parts)
            if within and path != within and not path.endswith(f"/{within}"):
                continue
            if parts and any(one == last or one.rpartition(".")[0] == last for one in files):
                found.append(path[: len(path) - len(within)].rstrip("/"))
        return [folder for folder in found if folder]

    def _only(self, name: str, key: Callable[[str], str], *, by_case: bool) -> str | None:
        folder, slash, last = _slashes(name).rpartition("/")
        if (by_case, folder) not in self._listed:
            by_key: dict[str, list[str]] = defaultdict(list)
            with contextlib.suppress(OSError, ValueError):  # there is no such folder
                for one in os.listdir(os.path.join(self._root, f"{folder}{slash}")):
                    by_key[key(one)].append(one)
            self._listed[by_case, folder] = by_key
        alike = self._listed[by_case, folder].get(last.casefold() if by_case else last, [])
        return f"{folder}{slash}{alike[0]}" if len(alike) == 1 and last else None


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] if name.lower().endswith(ENDINGS) else ""
