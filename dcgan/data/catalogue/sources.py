"""Where real images come from: folders, tables, arrays. Each is listed as entries with path, label and split."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from dcgan.data.catalogue import mirror
from dcgan.data.catalogue.opening import File, Item, Row
from dcgan.errors import InputError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import urls

SPLIT_FOLDERS = {"train", "val", "valid", "validation", "test"}  # above class folders, these are splits
TABLES = (".csv", ".parquet")
METADATA_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # of a Hugging Face image folder
SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"}

HIDDEN = "hidden or system file"
NO_CLASS = "not in a class's folder"
NO_LABEL = "no label"
NOT_UTF8 = "name is not UTF-8"
NUL_IN_NAME = "NUL in the class name"
LISTED_TWICE = "folder listed already"
UNREADABLE = "folder cannot be read"
NO_FILE_NAME = "no name for a file"
MISSING = "file missing"


@dataclass(frozen=True)
class Entry:
    """One input image, or one file that was taken for one."""

    path: str
    """Relative to the source, POSIX; of an image in an `.npz`, its name and row: `digits.npz#12`."""
    label: str
    """Class name; "" when the source gives none."""
    split: str = ""
    """Split that the source itself names; "" when it names none."""
    problem: str = ""
    """Why it cannot be used, when that is known before it is opened."""


class Source:
    """A listed source. Nothing of it is ever written to."""

    def __init__(
        self,
        root: Path,
        entries: list[Entry],
        labels: Iterable[str] = (),
        arrays: tuple[Path, np.ndarray] | None = None,
    ) -> None:
        """Describe a source.

        Args:
            root: folder that the entries' paths are relative to.
            entries: in a fixed order.
            labels: class names known beside those of the entries, such as those of empty folders.
            arrays: file of the images themselves and the images, uint8 (N, H, W) or (N, H, W, C), entry by entry,
                when they are no files of their own.
        """
        self.root, self.entries, self._arrays = root, entries, arrays
        self.labels = sorted({*labels, *(entry.label for entry in entries if entry.label)})

    def item(self, number: int) -> Item:
        """Entry `number`, to be opened."""
        return File(self._file(number)) if self._arrays is None else Row(self._arrays[1][number])

    def state(self, number: int) -> tuple[int, int, int]:
        """Of the file that an entry is in: size in bytes, and when its content and anything of it last changed, in ns.

        All are -1 when the system does not tell.
        """
        try:
            found = os.stat(self._file(number))  # noqa: PTH116 (60,000 of them)
        except OSError:
            return -1, -1, -1
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _file(self, number: int) -> str:
        return str(self._arrays[0]) if self._arrays else os.path.join(self.root, self.entries[number].path)


def list_source(source: str, on_progress: OnProgress = no_report, *, anew: bool = False) -> Source:
    """List a source by what it is: folder, `.csv` or `.parquet` table, or `.npz`.

    Args:
        source: local path, or URL, of which a local copy is brought up to date first.
        on_progress: called with files fetched.
        anew: fetch everything again that a URL names.

    Raises:
        InputError: it is missing, cannot be read, or is of no known form.
    """
    if urls.is_url(source):
        copy = mirror.update(source, _listed_names, on_progress, anew=anew)
        listed = _list(copy.path, source)
        for number, entry in enumerate(listed.entries):
            if not entry.problem and not mirror.can_stand(entry.path):  # a table from elsewhere names no file of here
                listed.entries[number] = replace(entry, problem=MISSING)
        listed.entries.extend(Entry(_as_text(name), "", "", NO_FILE_NAME) for name in copy.left_out)
        return listed
    if not Path(source).exists():
        raise InputError(f"data.source {source} does not exist. Relative paths are relative to the job file.")
    return _list(Path(source), source)


def _list(path: Path, source: str) -> Source:
    try:
        if path.is_dir():
            return _folder(path)
        if path.suffix.lower() in TABLES:
            return _table(path, _read_table(path), path_column="path")
        if path.suffix.lower() == ".npz":
            return _npz(path)
    except InputError:
        raise
    except Exception as error:  # each format's library has its own kinds for a damaged file
        raise InputError(f"data.source {source} cannot be read: {error}") from error
    raise InputError(
        f"data.source {source} is of no known form: expected a folder with a folder per class, a .csv or .parquet "
        "table with columns path,label[,split], or an .npz with arrays images,labels"
    )


def _folder(root: Path) -> Source:
    for name in METADATA_FILES:
        if (root / name).exists():
            table = _read_table(root / name)
            if "label" in table:
                return _table(root / name, table, path_column="file_name")
    children = sorted(child.name for child in root.iterdir() if child.is_dir() and not _is_hidden(child.name))
    has_splits = bool(children) and set(map(str.lower, children)) <= SPLIT_FOLDERS
    depth = 1 if has_splits else 0
    entries, labels = [], set()
    for folder, files, problem in _walk(root):
        parts = folder.relative_to(root).parts
        hidden = any(map(_is_hidden, parts))
        label = _as_text(parts[depth]) if len(parts) > depth and not hidden else ""
        split = parts[0].lower() if has_splits and parts else ""
        if label:
            labels.add(label)
        within = "".join(f"{part}/" for part in parts)
        if problem:
            entries.append(Entry(_as_text(within), label, split, HIDDEN if hidden else problem))
        for name in files:
            told = HIDDEN if hidden or _is_hidden(name) else "" if label else NO_CLASS
            path = _as_text(within + name)
            entries.append(Entry(path, label, split, told or ("" if path == within + name else NOT_UTF8)))
    return Source(root, entries, labels)


def _as_text(name: str) -> str:
    """A name as text that can be written down: bytes that are not UTF-8, and NUL, show as escapes."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _walk(root: Path) -> list[tuple[Path, list[str], str]]:
    """All folders below with their files, in a fixed order, and the problem of each that is not gone into.

    Links are followed, after all that stands there itself: a folder that is reached by two ways counts under its own
    name, not under a link's, and only once, so that no loop of links is endless.
    """
    found: list[tuple[Path, list[str], str]] = []
    seen: set[str] = set()
    tops = [str(root)]
    for top in tops:  # grows as links are met
        unreadable = lambda error: found.append((Path(error.filename), [], UNREADABLE))  # noqa: E731
        for folder, children, files in os.walk(top, onerror=unreadable):
            real = os.path.realpath(folder)
            if real in seen:
                children.clear()
                found.append((Path(folder), [], LISTED_TWICE))
                continue
            seen.add(real)
            found.append((Path(folder), sorted(files), ""))
            links = (f"{folder}/{child}" for child in sorted(children))
            tops += [link for link in links if os.path.islink(link)]  # noqa: PTH114 (60,000 paths are slow)
    return sorted(found, key=lambda entry: entry[0].parts)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _read_table(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True, dtype=False)
    # Text as it stands: a class may be called NA, null or 007.
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _table(path: Path, table: pd.DataFrame, path_column: str) -> Source:
    if missing := [column for column in (path_column, "label") if column not in table]:
        raise InputError(
            f"{path} has no column {' and no column '.join(missing)}; it has {', '.join(map(str, table.columns))}"
        )
    texts = {column: table[column].map(_cell) for column in (path_column, "label", "split") if column in table}
    splits = texts.get("split", pd.Series([""] * len(table)))
    entries = []
    for name, label, split in zip(texts[path_column], texts["label"], splits, strict=True):
        problem = "" if name and os.path.isfile(os.path.join(path.parent, name)) else MISSING  # noqa: PTH113 (faster)
        problem = (_problem_of_label(label) or problem) if label else NO_LABEL
        entries.append(Entry(_as_text(PurePosixPath(name).as_posix()), _as_text(label), split, problem))
    return Source(path.parent, entries)


def _problem_of_label(label: str) -> str:
    return NUL_IN_NAME if "\0" in label else ""  # no folder can have it; names with NUL are for use inside the code


def _listed_names(path: Path) -> list[str]:
    """The files that a table lists; none of what is no table."""
    if path.suffix.lower() not in TABLES:
        return []
    try:
        return [PurePosixPath(name).as_posix() for name in _read_table(path)["path"].map(_cell) if name]
    except Exception:  # whoever reads the table says what is wrong with it
        return []


def _cell(value: object) -> str:
    """A table's value as text. One that is missing makes floats of a column's whole numbers."""
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _npz(path: Path) -> Source:
    with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
        if missing := [name for name in ("images", "labels") if name not in file]:
            raise InputError(f"{path} has no array {' and no array '.join(missing)}; it has {', '.join(file.files)}")
        images, numbers = file["images"], file["labels"]
        names = file.get("class_names")
        splits = file["split"].astype(str) if "split" in file else np.full(len(numbers), "")
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise InputError(
            f"{path}: expected images as uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), found {images.dtype} "
            f"{images.shape}"
        )
    if numbers.shape != (len(images),) or splits.shape != (len(images),):
        raise InputError(
            f"{path}: {len(images)} images, labels of shape {numbers.shape}, split of shape {splits.shape}: "
            "expected one label, and one split if any, for each image"
        )
    if names is not None and np.issubdtype(numbers.dtype, np.integer):
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(names)):
            raise InputError(
                f"{path}: labels run from {numbers.min()} to {numbers.max()}, class_names has {len(names)}"
            )
        labels = names.astype(str)[numbers]
    else:
        labels = numbers.astype(str)
    entries = [
        Entry(f"{path.name}#{row}", _as_text(label), str(split), _problem_of_label(label))
        for row, (label, split) in enumerate(zip(map(str, labels), splits, strict=True))
    ]
    known = (_as_text(str(name)) for name in names) if names is not None else ()
    return Source(path.parent, entries, known, arrays=(path, images))
