"""Files are whole or not there, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dcgan.errors import StorageError
from dcgan.files import storage
from tests.small_disk import small_disk


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with a 64 KB file of old content, and nearly no room beside it."""
    with small_disk(tmp_path / "disk", 256) as disk:
        (disk / "kept").write_bytes(b"old" * 20_000)
        (disk / "ballast").write_bytes(b"x" * 150_000)
        yield disk


def test_written_file_holds_its_content_and_its_folder_is_made(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "a" / "b" / "c.txt", "é")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "é".encode()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]


@pytest.mark.parametrize("kind", [ValueError, OSError, KeyboardInterrupt])
def test_write_that_fails_midway_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    def half(file: BinaryIO) -> None:
        file.write(b"half")
        file.flush()
        raise kind("no more")

    storage.write_bytes(tmp_path / "a", b"old")
    with pytest.raises(StorageError if kind is OSError else kind, match="no more"):
        storage.write_atomic(tmp_path / "a", half)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_full_disk_leaves_the_old_file_and_is_told_as_such(full_disk: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*kept: No space left on device"):
        storage.write_bytes(full_disk / "kept", b"new" * 40_000)
    assert (full_disk / "kept").read_bytes() == b"old" * 20_000
    assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", "kept"]


def test_folder_that_does_not_fit_on_the_disk_never_appears(full_disk: Path) -> None:
    with pytest.raises(StorageError, match="No space left"), storage.whole_folder(full_disk / "new") as temporary:
        (temporary / "image").write_bytes(b"new" * 40_000)
    assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", "kept"]


def test_path_below_a_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"Not a directory|File exists"):
        storage.write_text(tmp_path / "file" / "a", "x")


def test_whole_folder_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    with storage.whole_folder(tmp_path / "new") as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "a").write_text("x")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "deep" / "a").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_whole_folder_does_not_appear_when_its_block_fails(tmp_path: Path, kind: type[BaseException]) -> None:
    with pytest.raises(kind), storage.whole_folder(tmp_path / "new") as temporary:
        (temporary / "a").write_text("x")
        raise kind
    assert list(tmp_path.iterdir()) == []


def test_whole_folder_does_not_replace_another(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a").write_text("x")
    with pytest.raises(StorageError, match="cannot write"), storage.whole_folder(tmp_path / "old"):
        pass
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["a"]


def test_json_comes_back_and_what_json_has_no_word_for_is_refused(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": "日本"}
    storage.write_json(tmp_path / "v.json", value)
    assert storage.read_json(tmp_path / "v.json") == value
    assert "日本" in (tmp_path / "v.json").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(tmp_path / "v.json", float("nan"))
    assert storage.read_json(tmp_path / "v.json") == value


@pytest.mark.parametrize("content", [None, b"{half", b"\xff"])
def test_json_that_cannot_be_read_is_told_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"v\.json"):
        storage.read_json(tmp_path / "v.json")


arrays = npst.arrays(
    st.sampled_from([np.dtype(kind) for kind in ("f4", "f8", "u1", "i8", "?")]),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


@given(
    st.dictionaries(st.text("abc/_0", min_size=1, max_size=8).filter(lambda name: name != "file"), arrays, max_size=4)
)
def test_packed_arrays_come_back_and_the_same_give_the_same_bytes(named: dict[str, np.ndarray]) -> None:
    content = storage.pack_arrays(named)
    assert storage.pack_arrays({name: array.copy() for name, array in named.items()}) == content
    unpacked = storage.unpack_arrays(content)
    assert list(unpacked) == list(named)
    for name, array in named.items():
        assert unpacked[name].dtype == array.dtype and unpacked[name].shape == array.shape
        np.testing.assert_array_equal(unpacked[name], array)


def test_packed_bytes_do_not_depend_on_the_process() -> None:
    script = (
        "import hashlib, numpy as np; from dcgan.files.storage import pack_arrays;"
        "print(hashlib.sha256(pack_arrays({'b': np.arange(9), 'a/c': np.ones((2, 3))})).hexdigest())"
    )
    environments = ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"})
    digests = [
        subprocess.run([sys.executable, "-c", script], env=os.environ | extra, capture_output=True, check=True).stdout
        for extra in environments
    ]
    assert digests[0] == digests[1]


def test_objects_are_neither_packed_nor_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        storage.pack_arrays({"a": np.array([{}], object)})
    np.savez(tmp_path / "evil.npz", a=np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        storage.unpack_arrays((tmp_path / "evil.npz").read_bytes())


def test_link_moves_in_one_step_to_its_new_target(tmp_path: Path) -> None:
    storage.replace_symlink(tmp_path / "latest", "releases/1")
    storage.replace_symlink(tmp_path / "latest", "releases/2")
    assert (tmp_path / "latest").readlink() == Path("releases/2")
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_only_unfinished_things_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1-a").mkdir()
    (tmp_path / ".tmp-1-a" / "x").touch()
    (tmp_path / ".tmp-2-b").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tmp_path / ".tmp-3-link").symlink_to(elsewhere, target_is_directory=True)
    storage.remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    assert (elsewhere / "kept").exists()


def test_work_that_the_disk_has_no_room_for_is_refused_with_both_figures(tmp_path: Path) -> None:
    storage.require_room(tmp_path, 1)
    with pytest.raises(StorageError, match=r"MB free, but this run needs about 1,000,000,000 MB"):
        storage.require_room(tmp_path, 10**15)


def test_checksums_of_file_and_bytes_agree(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert storage.sha256(tmp_path / "a") == storage.sha256_bytes(b"abc") == expected
