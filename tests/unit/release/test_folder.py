"""Reading a release's files: each folder is opened once, and left when another one is entered."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcgan.release.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(50):
        file = tmp_path / "root" / "images" / str(number) / "a.png"
        file.parent.mkdir(parents=True)
        file.write_text(str(number), encoding="utf-8")
    return tmp_path / "root"


def num_open(root: Path) -> int:
    """Descriptors of this process at or beneath a folder."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one of this listing
            found += descriptor.readlink().is_relative_to(root)
    return found


def test_several_threads_read_from_many_folders_and_keep_none_open(root: Path) -> None:
    folder = Folder(root)
    names = [f"images/{number}/a.png" for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(folder.read, names * 20, itertools.repeat(10)))
    assert read == [str(number).encode() for number in range(50)] * 20
    assert [folder.read(name, 10) for name in names] == read[:50]
    assert num_open(root) == 2  # the release's, and the last that this thread has read from
    del folder
    assert num_open(root) == 0


def test_folder_that_became_a_link_is_not_followed(root: Path) -> None:
    folder = Folder(root)
    assert folder.read("images/0/a.png", 10) == b"0"
    shutil.move(root / "images" / "0", root.parent / "elsewhere")
    (root.parent / "elsewhere" / "a.png").write_text("other", encoding="utf-8")
    (root / "images" / "0").symlink_to(root.parent / "elsewhere")
    assert folder.read("images/1/a.png", 10) == b"1"
    with pytest.raises(OSError, match="is a link, expected a folder"):
        folder.read("images/0/a.png", 10)
