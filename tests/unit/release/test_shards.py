"""Shards are read by this project's own few lines as by the libraries that write them."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.release import shards

features = st.dictionaries(st.text(max_size=8), st.binary(max_size=300) | st.integers(0, 2**63 - 1), max_size=4)


@settings(deadline=None)  # the first example loads TensorFlow
@given(features)
def test_features_are_those_of_tensorflow(expected: dict[str, bytes | int]) -> None:
    from dcgan.execution.determinism import load_tensorflow  # noqa: PLC0415 (slow)

    train = load_tensorflow().train
    feature = {
        name: train.Feature(bytes_list=train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else train.Feature(int64_list=train.Int64List(value=[value]))
        for name, value in expected.items()
    }
    example = train.Example(features=train.Features(feature=feature)).SerializeToString(deterministic=True)
    assert shards.features(example) == expected


@given(st.binary(max_size=60))
def test_bytes_that_are_no_example_are_told(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(shards.features(content), dict)


def test_places_in_a_tar_are_those_of_tarfile(tmp_path: Path) -> None:
    contents = {"a.png": b"1", "père-0.png": b"", "x" * 150 + ".png": b"3" * 1000, "🐈.cls": b"4"}
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    whole = (tmp_path / "x.tar").read_bytes()
    with (tmp_path / "x.tar").open("rb") as file:
        places = dict(shards.tar_index(file, 1000))
    assert {name: whole[offset : offset + size] for name, (offset, size) in places.items()} == contents
    with (tmp_path / "x.tar").open("rb") as file, pytest.raises(ValueError, match="1,000 bytes, at most 999"):
        dict(shards.tar_index(file, 999))
