"""Whatever a table, its metadata or an array holds, a source is listed or refused with one error, soon."""

from __future__ import annotations

import io
import json
import os
import random
import string
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.errors import InputError
from tests.samples import noise, write_classes

MAX_SECONDS = 20.0  # for one source of a few files, on a machine that has other work
IMAGES = ["images/a/000.png", "images/a/001.png", "images/b/000.png", "images/b/001.png"]


def outcome(folder: Path, source: str, **data: Any) -> str:
    """What is said of a source; "" if it is read."""
    began = time.monotonic()
    try:
        scan(DataConfig(source=str(folder / source), **data))
        said = ""
    except InputError as error:
        said = str(error)
        assert said
    assert time.monotonic() - began < MAX_SECONDS
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    write_classes(folder / "images", {"a": 2, "b": 2})
    return folder


CELLS = st.sampled_from(
    [*IMAGES, "a", "b", "train", "test", "path", "label", "split", "../x.png", "/dev/zero", "\0", "\ud800",
     '"', '""', "'", "=1+1", "", " ", "nan", "1e999", "-1", "x" * 5000, "https://127.0.0.1:1/x.png", ".", "\ufeff"]
) | st.text(alphabet=string.printable, max_size=5)  # fmt: skip
SEPARATORS = st.sampled_from([",", ";", "\t", "|"])


@given(head=st.lists(CELLS, max_size=4), rows=st.lists(st.lists(CELLS, max_size=5), max_size=6), separator=SEPARATORS)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_any_csv(folder: Path, head: list[str], rows: list[list[str]], separator: str) -> None:
    for names in (head, ["path", "label", *head[:2]]):
        text = "\n".join(separator.join(row) for row in [names, *rows])
        (folder / "table.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
        outcome(folder, "table.csv")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | CELLS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(CELLS, inner, max_size=2),
    max_leaves=4,
)


@given(rows=st.lists(st.dictionaries(st.sampled_from(["file_name", "label", "split", "path"]), VALUES), max_size=6))
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_any_metadata_of_an_image_folder(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_classes(folder / "images", {"a": 2, "b": 2})
        text = "\n".join(json.dumps(row) for row in rows)
        (folder / "images" / "metadata.jsonl").write_text(text, encoding="utf-8")
        outcome(folder, "images")


def _parquet(number: int) -> bytes:
    buffer, draws = io.BytesIO(), random.Random(number)
    frame = pd.DataFrame({"path": IMAGES, "label": draws.choice([["a", "a", "b", "b"], [1, 1, 2, 2], [None] * 4])})
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _npz(number: int) -> bytes:
    buffer = io.BytesIO()
    images = np.stack([noise(number + row, 12, 12) for row in range(4)])
    np.savez(buffer, images=images, labels=np.array([0, 0, 1, 1]))
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "make"), [("table.parquet", _parquet), ("arrays.npz", _npz)])
def test_any_damage_to_a_packed_source(folder: Path, name: str, make: Callable[[int], bytes]) -> None:
    read = 0
    for number in range(80):
        draws, content = random.Random(number), bytearray(make(number))
        for _ in range(number % 8):
            content[draws.randrange(len(content))] = draws.randrange(256)
        if number % 5 == 4:
            del content[draws.randrange(len(content)) :]
        (folder / name).write_bytes(content)
        read += not outcome(folder, name)
    assert read  # those that were not damaged


def test_arrays_that_claim_more_than_they_hold_take_no_memory(folder: Path) -> None:
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000, 256, 256, 3), }".ljust(117) + b"\n"
    array = b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head
    buffer = io.BytesIO()
    np.savez(buffer, labels=np.zeros(10, int))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("images.npy", array + b"\0" * 1000)
    (folder / "claims.npz").write_bytes(buffer.getvalue())
    assert outcome(folder, "claims.npz")


@pytest.mark.parametrize(
    "name", ["table.csv", "table.parquet", "arrays.npz", "images/metadata.csv", "images/a/x.parquet", "images/x.csv"]
)
def test_pipe_in_place_of_a_table_does_not_hang(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path / "images", {"a": 2, "b": 2})
    os.mkfifo(tmp_path / name)
    outcome(tmp_path, "images" if name.startswith("images") else name)


@pytest.mark.parametrize("name", ["x.parquet", "GT-final_test.csv"])
def test_pipe_among_files_that_say_what_the_others_are_does_not_hang(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder" / "a").mkdir(parents=True)
    os.mkfifo(tmp_path / "folder" / name)
    os.mkfifo(tmp_path / "folder" / "a" / name)
    assert outcome(tmp_path, "folder")
