"""Where real images come from: folders, tables, arrays. Each is listed as entries with path, label and split."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from dcgan.errors import InputError

SPLIT_FOLDERS = {"train", "val", "valid", "validation", "test"}  # above class folders, these are splits
METADATA_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # of a Hugging Face image folder
SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"}

HIDDEN = "hidden or system file"
NO_CLASS = "not in a class's folder"
NO_LABEL = "no label"
NOT_UTF8 = "name is not UTF-8"
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
        self, root: Path, entries: list[Entry], labels: Iterable[str] = (), arrays: np.ndarray | None = None
    ) -> None:
        """Describe a source.

        Args:
            root: folder that the entries' paths are relative to.
            entries: in a fixed order.
            labels: class names known beside those of the entries, such as those of empty folders.
            arrays: the images themselves, uint8 (N, H, W) or (N, H, W, C), entry by entry, when they are no files.
        """
        self.root, self.entries, self._arrays = root, entries, arrays
        self.labels = sorted({*labels, *(entry.label for entry in entries if entry.label)})

    def open(self, number: int) -> tuple[bytes, Image.Image]:
        """Content and opened picture of entry `number`.

        Raises:
            OSError and what else Pillow raises on a file that is no whole image.
        """
        if self._arrays is not None:
            array = self._arrays[number]
            return array.tobytes(), Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
        path = self.root / self.entries[number].path
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("a pipe, socket or device")  # reading one could wait for ever
        content = path.read_bytes()
        return content, Image.open(io.BytesIO(content))


def list_source(source: str) -> Source:
    """List a source by what it is: folder, `.csv` or `.parquet` table, or `.npz`.

    Raises:
        InputError: it is missing, cannot be read, or is of no known form.
    """
    path = Path(source)
    if not path.exists():
        raise InputError(f"data.source {source} does not exist. Relative paths are relative to the job file.")
    try:
        if path.is_dir():
            return _folder(path)
        if path.suffix.lower() in (".csv", ".parquet"):
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
    for folder, files in _walk(root):
        parts = folder.relative_to(root).parts
        hidden = any(map(_is_hidden, parts))
        label = _as_text(parts[depth]) if len(parts) > depth and not hidden else ""
        split = parts[0].lower() if has_splits and parts else ""
        if label:
            labels.add(label)
        for name in files:
            path = PurePosixPath(*parts, name).as_posix()
            problem = HIDDEN if hidden or _is_hidden(name) else "" if label else NO_CLASS
            if path != _as_text(path):
                problem = problem or NOT_UTF8
            entries.append(Entry(_as_text(path), label, split, problem))
    return Source(root, entries, labels)


def _as_text(name: str) -> str:
    """A file's name as text that can be written down: bytes that are not UTF-8 show as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """All folders below, links followed but no folder visited twice, in a fixed order."""
    seen: set[str] = set()
    for folder, children, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            children.clear()
            continue
        seen.add(real)
        children.sort()
        yield Path(folder), sorted(files)


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
        problem = "" if name and (path.parent / name).is_file() else MISSING
        entries.append(Entry(PurePosixPath(name).as_posix(), label, split, problem if label else NO_LABEL))
    return Source(path.parent, entries)


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
        Entry(f"{path.name}#{row}", str(label), str(split))
        for row, (label, split) in enumerate(zip(labels, splits, strict=True))
    ]
    return Source(path.parent, entries, map(str, names) if names is not None else (), arrays=images)
