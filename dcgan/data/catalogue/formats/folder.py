"""A folder with a folder per class, or with splits above or below the classes."""

from __future__ import annotations

from collections.abc import Callable

from dcgan.data.catalogue.layout import CLASSES, SPLITS, SPLITS_BELOW, find_layout
from dcgan.data.catalogue.reasons import HIDDEN, NOT_UTF8
from dcgan.data.catalogue.sources import Entry, Format, Place, Reading, Source, as_text
from dcgan.data.catalogue.walking import Parts, Tree, is_hidden, is_hidden_file

TITLES = {
    CLASSES: "folder per class",
    SPLITS: "folder per split and class",
    SPLITS_BELOW: "folder per class and split",
}


def read(place: Place) -> Source:
    """Every file below is an entry. Files in folders further down belong to the class too."""
    layout = find_layout(place.tree, place.data)
    entries = _entries(place.tree, layout.place)
    classes = {
        (split, as_text(label))
        for parts, _, _ in place.tree.folders
        if not any(map(is_hidden, parts))
        for label, split, _ in [layout.place(parts)]
        if label
    }
    form = "/".join((*layout.base, layout.form))
    details = (f"in {'/'.join(layout.base)}/",) if layout.base else ()
    return Source(place.path, entries, Reading(TITLES[layout.form], f"folder {form}", details), classes)


def read_unlabelled(place: Place) -> Source:
    """Every file below is an entry of no class."""
    entries = _entries(place.tree, lambda _: ("", "", ""))
    return Source(place.path, entries, Reading("folder without classes", "folder"))


def _entries(tree: Tree, place: Callable[[Parts], tuple[str, str, str]]) -> list[Entry]:
    """The files of a folder.

    Args:
        tree: of it.
        place: label, split and problem of the files in a folder.
    """
    entries = []
    for parts, files, problem in tree.folders:
        hidden = any(map(is_hidden, parts))
        label, split, misplaced = ("", "", HIDDEN) if hidden else place(parts)
        label = as_text(label)
        within = "".join(f"{part}/" for part in parts)
        if problem:
            entries.append(Entry(as_text(within), label, split, HIDDEN if hidden else problem))
        for name in files:
            reason = HIDDEN if hidden or is_hidden_file(name) else misplaced
            path = as_text(within + name)
            entries.append(Entry(path, label, split, reason or ("" if path == within + name else NOT_UTF8)))
    return entries


FORMAT = Format(
    name="folder",
    expected="a folder with a folder per class",
    recognises=lambda place: place.path.is_dir(),
    read=read,
)
