"""Which level of a folder names the splits, and which the classes.

It is never guessed: where folders can be read in two ways, the job is refused with the setting that says which.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from dcgan.config import DataConfig
from dcgan.data.catalogue import splits
from dcgan.data.catalogue.reasons import NO_CLASS, NO_SPLIT
from dcgan.data.catalogue.walking import Parts, Tree
from dcgan.errors import InputError

SHARED = 2  # subfolders of the same names from which on two folders may be splits of the same classes
MAX_SHOWN = 6  # folders named in a message
ALL_CLASSES = "data.splits: false if all of them are classes"

CLASSES, SPLITS, SPLITS_BELOW = "<class>", "<split>/<class>", "<class>/<split>"


@dataclass(frozen=True)
class Root:
    """A folder whose subfolders are classes, or all of whose images are of one class."""

    split: str = ""
    label: str = ""
    """Of all images below; "": the name of the folder that they are in."""


@dataclass(frozen=True)
class Layout:
    """How a folder's images get their class and split."""

    form: str
    """`CLASSES`, `SPLITS` or `SPLITS_BELOW`."""
    base: Parts
    """The folder below the source that it begins in: `("images",)`."""
    roots: Mapping[Parts, Root]
    beside: str = NO_CLASS
    """Why files that are under none of these are left out."""

    def place(self, parts: Parts) -> tuple[str, str, str]:
        """Label, split and problem of the files in a folder."""
        for level in range(len(parts), -1, -1):
            if (root := self.roots.get(parts[:level])) is not None:
                label = root.label or (parts[level] if len(parts) > level else "")
                return label, root.split, "" if label else NO_CLASS
        return "", "", self.beside


def find_layout(tree: Tree, data: DataConfig) -> Layout:
    """Find out how a folder is to be read.

    Args:
        tree: of the folder.
        data: what the job says of it.

    Raises:
        InputError: it can be read in more than one way, or not in the way that the job says.
    """
    try:
        base: Parts = ()
        while inner := _only_container(tree, base, PurePosixPath(data.source).name):
            base = (*base, inner)
        tops = tree.children(base)
        if data.splits:
            return _as_named(tree, base, data.named_splits())
        if data.splits is None:
            sure = splits.sure(tops)
            if sure and all(splits.role(name) for name in tops):
                return Layout(SPLITS, base, _above(tree, base, _split_of(tops)))
            _refuse_splits_beside_others(tops, sure)
            _refuse_parts_of_one_class(tops)
            _refuse_other_readings(tops, {top: _levels(tree, (*base, top)) for top in tops})
        return Layout(CLASSES, base, {base: Root()})
    except InputError as error:
        raise InputError(f"data.source {data.source}: {error}") from None


def _only_container(tree: Tree, base: Parts, name: str) -> str:
    """The folder in a folder that alone can hold the classes and is called like none; "" where there is no such."""
    tops = tree.children(base)
    outer = base[-1] if base else name
    holding = [top for top in tops if tree.children((*base, top)) and _says_nothing(top, outer)]
    others = [top for top in tops if top not in holding and tree.pictures((*base, top))]
    return holding[0] if len(holding) == 1 and not others else ""


def _says_nothing(name: str, outer: str) -> bool:
    """Whether a folder's name cannot be a class: `images`, or the name of the folder that contains it."""
    return splits.is_container(name) or name.casefold() == outer.casefold()


def _above(tree: Tree, base: Parts, split_of: Mapping[str, str]) -> dict[Parts, Root]:
    """Splits above the classes, each with its folder."""
    roots = {}
    for folder, split in split_of.items():
        within = (*base, folder)
        # Also where images lie in it without a folder per class: they are of no class, not of one called `images`.
        while len(inner := tree.children(within)) == 1 and _says_nothing(inner[0], within[-1]):
            within = (*within, inner[0])
        roots[within] = Root(split)
    return roots


def _split_of(folders: list[str]) -> dict[str, str]:
    split_of = splits.names(folders)
    if split_of is None:
        raise InputError(
            f"of the folders {_listed(folders)}, more than one is named like a training split. If they are splits, set "
            f"data.splits: {splits.setting(folders)}, or {ALL_CLASSES}"
        )
    return split_of


def _as_named(tree: Tree, base: Parts, split_of: Mapping[str, str]) -> Layout:
    """Splits as the job names them, above the classes or below."""
    tops = tree.children(base)
    above = {folder: _meant(folder, tops) for folder in split_of}
    if all(above.values()):
        return Layout(SPLITS, base, _above(tree, base, {above[one]: split_of[one] for one in above}), NO_SPLIT)
    below = {
        (*base, top, name): Root(split, top)
        for top in tops
        for folder, split in split_of.items()
        if (name := _meant(folder, tree.children((*base, top))))
    }
    if not any(above.values()) and {root.split for root in below.values()} == set(split_of.values()):
        return Layout(SPLITS_BELOW, base, below, NO_SPLIT)
    missing = [folder for folder, name in above.items() if not name]
    raise InputError(f"data.splits names {_listed(missing)}, but the folders are {_listed(tops)}")


def _meant(wanted: str, found: Iterable[str]) -> str:
    """The name that is meant: the same one, or the only one that differs in case; "" if there is none."""
    names = list(found)
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    return wanted if wanted in names else alike[0] if len(alike) == 1 else ""


def _refuse_splits_beside_others(tops: list[str], sure: set[str]) -> None:
    if not sure:
        return
    setting, one = splits.setting(sure), len(sure) == 1
    if "train" not in setting:
        setting = f"{{train: FOLDER, {setting[1:]}"
    others = [top for top in tops if top not in sure]
    raise InputError(
        f"{_listed(sure)} {'is' if one else 'are'} named like {'a split' if one else 'splits'}, and "
        f"{_listed(others)} {'is' if len(others) == 1 else 'are'} not. Set data.splits: {setting} if they are splits "
        f"(other folders are then left out), or {ALL_CLASSES}; or move whatever is neither elsewhere"
    )


def _refuse_parts_of_one_class(tops: list[str]) -> None:
    if alike := splits.alike(tops):
        raise InputError(
            f"the names of {_listed(alike)} differ only in the word for a split, so they may be parts of one class, or "
            f"contain the classes. If they contain the classes, set data.splits: {splits.setting(alike)}. If each is "
            f"one class of a split, move them to train/<class> and test/<class>. Or set {ALL_CLASSES}"
        )


def _refuse_other_readings(tops: list[str], levels: Mapping[str, list[list[str]]]) -> None:
    """Refuse folders whose subfolders may be the classes, or splits.

    Args:
        tops: folders that may be classes.
        levels: of each, see `_levels`.
    """
    inside = {top: of_top[-1] for top, of_top in levels.items()}
    names = {top.casefold() for top in tops}
    holders: dict[str, list[str]] = defaultdict(list)
    for top, children in inside.items():
        for child in children:
            holders[child.casefold()].append(top)

    for top, children in inside.items():
        again = [child for child in children if child.casefold() in names - {top.casefold()}]
        if len(again) >= SHARED:
            raise InputError(
                f"{top}/ contains folders that also exist beside it, {_listed(again)}: either the set is there twice, "
                f"or {top} contains all other classes and is not one itself. Move {top}/ elsewhere, or set data.source "
                f"to the right one; or set {ALL_CLASSES}"
            )

    if below := {child for of_top in levels.values() for level in of_top for child in splits.sure(level)}:
        where = [f"{top}/" for top, of_top in levels.items() if below & {*itertools.chain(*of_top)}]
        raise InputError(
            f"{_listed(below)}, in {_listed(where)}, {'are' if len(below) > 1 else 'is'} named like "
            f"{'splits' if len(below) > 1 else 'a split'}. If so, set data.splits: {splits.setting(below)}; or "
            f"{ALL_CLASSES}"
        )

    for top, children in inside.items():
        shared = [child for child in children if len(holders[child.casefold()]) > 1]
        beside = Counter(other for child in shared for other in holders[child.casefold()] if other != top)
        if len(shared) >= SHARED and (most := beside.most_common(1)[0])[1] >= SHARED:
            both = [child for child in shared if most[0] in holders[child.casefold()]]
            raise InputError(
                f"{top}/ and {most[0]}/ contain the same folders, {_listed(both)}, which may be the classes. If so, "
                f"say which splits these are, such as data.splits: {{train: {top}, test: {most[0]}}}; or set "
                f"{ALL_CLASSES}"
            )

    for top, children in inside.items():
        if splits.is_container(top) and len(children) >= SHARED and len(tops) > 1:
            raise InputError(
                f"{top}/ contains the folders {_listed(children)}, and beside it there are "
                f"{_listed(other for other in tops if other != top)}: which are the classes? If those in {top}/ are, "
                f"set data.source to it; or set {ALL_CLASSES}"
            )


def _with_images(tree: Tree, parts: Parts) -> list[str]:
    """The folders in a folder that hold images, by their files' names."""
    return [child for child in tree.children(parts) if tree.pictures((*parts, child))]


def _levels(tree: Tree, parts: Parts) -> list[list[str]]:
    """The folders in a folder that hold images; and where there is one alone, with all of them in it, those in that."""
    levels = [_with_images(tree, parts)]
    while len(levels[-1]) == 1 and tree.pictures(within := (*parts, *levels[-1])) == tree.pictures(parts):
        if not (inner := _with_images(tree, within)):
            break
        levels.append(inner)
        parts = within
    return levels


def _listed(names: Iterable[str]) -> str:
    some = sorted(names)
    more = len(some) - MAX_SHOWN
    shown = some if more <= 0 else [*some[:MAX_SHOWN], f"{more:,} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "nothing else"
