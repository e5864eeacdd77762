"""A file that did not change is not opened again, a file that did is, and a memory that is damaged does no harm."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan.config import DataConfig, JobConfig
from dcgan.data.catalogue import build_catalogue, cache, scan
from dcgan.data.catalogue.cache import Cache
from dcgan.data.catalogue.reasons import DAMAGED
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.run.paths import JobFolder
from tests.samples import noise, tree_hash, write_classes, write_noise

Remember = Callable[..., pd.DataFrame]
Lie = Callable[[str, str], None]

LIE = "remembered"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of ten pictures, which count as settled at once."""
    monkeypatch.setattr(cache, "SETTLED_NS", 0)
    return write_classes(tmp_path / "images", {"cat": 10, "dog": 10})


@pytest.fixture
def remember(images: Path, tmp_path: Path) -> Remember:
    """Scan with a memory; gives the table by path."""

    def act(**options: Any) -> pd.DataFrame:
        table, _ = scan(DataConfig(source=str(images)), no_report, Cache(tmp_path / "memory", **options))
        return table.set_index("path")

    return act


@pytest.fixture
def lie(tmp_path: Path) -> Lie:
    """Change what is remembered of a file: what comes back tells whether it was opened."""

    def act(path: str, text: str) -> None:
        table, head = content(tmp_path / "memory")
        table.loc[table["path"] == path, "mode"] = text
        replace(tmp_path / "memory", table, head)

    return act


def content(memory: Path) -> tuple[pd.DataFrame, dict[bytes, bytes]]:
    table = pq.read_table(io.BytesIO(memory.read_bytes().partition(b"\n")[2]))
    return table.to_pandas(), table.schema.metadata


def replace(memory: Path, table: pd.DataFrame, head: dict[bytes, bytes]) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(head), buffer)
    memory.write_bytes(storage.sha256_bytes(buffer.getvalue()).encode() + b"\n" + buffer.getvalue())


def test_second_scan_opens_nothing_and_finds_the_same(images: Path, remember: Remember, lie: Lie) -> None:
    (images / "cat" / "note.txt").write_text("no image")
    (images / "cat" / "empty.png").touch()
    (images / "dog" / "broken.png").symlink_to("nowhere")
    first = remember()
    pd.testing.assert_frame_equal(remember(), first)
    for path in ("cat/000.png", "cat/note.txt", "cat/empty.png"):
        lie(path, LIE)
    assert set(remember().query("mode == @LIE").index) == {"cat/000.png", "cat/note.txt", "cat/empty.png"}


def test_file_that_could_not_be_read_is_not_remembered(images: Path, remember: Remember, tmp_path: Path) -> None:
    (images / "dog" / "broken.png").symlink_to("later.png")
    assert remember().loc["dog/broken.png", "reason"] == DAMAGED
    assert "dog/broken.png" not in set(content(tmp_path / "memory")[0]["path"])
    write_noise(images / "dog" / "later.png", 99)
    assert remember().loc["dog/broken.png", "sha256"] != ""


def test_byte_that_changed_under_the_same_size_and_time_is_seen(images: Path, remember: Remember) -> None:
    file = images / "cat" / "003.png"
    before, was = remember(), file.stat()
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    after = remember()
    assert after.loc["cat/003.png", "sha256"] == storage.sha256(file) != before.loc["cat/003.png", "sha256"]


def test_rehash_opens_every_file_and_remembers_anew(remember: Remember, lie: Lie) -> None:
    first = remember()
    lie("cat/003.png", LIE)  # as a disk does that changes a byte and no time
    assert remember().loc["cat/003.png", "mode"] == LIE
    pd.testing.assert_frame_equal(remember(rehash=True), first)
    pd.testing.assert_frame_equal(remember(), first)


def test_duplicates_are_found_anew_each_time(images: Path, remember: Remember) -> None:
    remember()
    write_noise(images / "cat" / "copy.png", 1)  # picture 1 is cat/001.png
    write_noise(images / "dog" / "other.png", 2)
    table = remember()
    assert table.loc["cat/copy.png", "detail"] == "of cat/001.png"
    assert table.loc[["cat/002.png", "dog/other.png"], "verdict"].to_list() == ["quarantined"] * 2
    (images / "dog" / "other.png").unlink()
    assert remember().loc["cat/002.png", "verdict"] == "accepted"


def test_files_that_are_gone_are_forgotten(images: Path, remember: Remember, tmp_path: Path) -> None:
    remember()
    (images / "cat" / "000.png").unlink()
    remember()
    assert len(content(tmp_path / "memory")[0]) == 19


def test_files_that_changed_just_now_are_not_remembered(
    images: Path, remember: Remember, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real time: a file can change twice under the same one
    remember()
    assert content(tmp_path / "memory")[0].empty and images.exists()


def test_memory_that_may_not_be_written_is_read_and_stays(remember: Remember, lie: Lie, tmp_path: Path) -> None:
    remember(writable=False)
    assert not (tmp_path / "memory").exists()
    remember()
    lie("cat/003.png", LIE)
    before = (tmp_path / "memory").read_bytes()
    assert remember(writable=False).loc["cat/003.png", "mode"] == LIE
    remember(writable=False, rehash=True)
    assert (tmp_path / "memory").read_bytes() == before


@pytest.mark.parametrize("key", ["format", "code", "root"])
def test_memory_of_another_source_or_version_is_not_used(
    key: str, remember: Remember, lie: Lie, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remember()
    lie("cat/003.png", LIE)
    table, head = content(tmp_path / "memory")
    other = json.dumps(json.loads(head[b"dcgan"]) | {key: "other"})
    replace(tmp_path / "memory", table, {b"dcgan": other.encode()})
    assert remember().loc["cat/003.png", "mode"] == "RGB"
    assert not caplog.messages


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_memory_is_told_and_every_file_opened(
    data: st.DataObject, remember: Remember, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = remember()
    whole = (tmp_path / "memory").read_bytes()
    if data.draw(st.booleans(), "truncate"):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1), "at")]
    else:
        position = data.draw(st.integers(0, len(whole) - 1), "at")
        damaged = whole[:position] + bytes([whole[position] ^ data.draw(st.integers(1, 255))]) + whole[position + 1 :]
    (tmp_path / "memory").write_bytes(damaged)
    caplog.clear()
    pd.testing.assert_frame_equal(remember(), expected)
    [told] = caplog.messages
    assert told.startswith(f"{tmp_path / 'memory'} is damaged and is ignored")
    assert (tmp_path / "memory").read_bytes() == whole  # replaced


def test_memory_that_can_be_neither_read_nor_written_ends_nothing(
    remember: Remember, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "memory" / "in the way").mkdir(parents=True)
    assert len(remember()) == 20
    assert len(caplog.messages) == 2


def test_arrays_are_remembered_until_their_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SETTLED_NS", 0)
    file, memory = tmp_path / "d.npz", tmp_path / "memory"

    def mode_of_row_3(number: int) -> str:
        if number:
            np.savez(file, images=np.stack([noise(n) for n in range(number, number + 20)]), labels=["a", "b"] * 10)
        table, _ = scan(DataConfig(source=str(file)), no_report, Cache(memory))
        return str(table["mode"].iloc[3])

    assert mode_of_row_3(1) == "RGB"
    table, head = content(memory)
    replace(memory, table.assign(mode=LIE), head)
    assert mode_of_row_3(0) == LIE
    assert mode_of_row_3(2) == "RGB"


def test_run_remembers_and_check_reads_it_and_writes_nothing(
    dcgan: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    write_classes(tmp_path / "images", {"cat": 20, "dog": 20})
    job = tmp_path / "job.yaml"
    job.write_text("name: j\ndata: {source: images}\ngeneration: {per_class: {bird: 1}}\n")
    memory = tmp_path / "outputs" / "j" / "inputs.cache"
    assert dcgan("check", job).returncode == 2 and not memory.exists()
    time.sleep(cache.SETTLED_NS / 1e9)
    assert dcgan("train", job).returncode == 2  # there is no class bird; but the images were read
    table, head = content(memory)
    assert len(table) == 40
    table.loc[0, ["reason", "verdict"]] = LIE, "quarantined"
    replace(memory, table, head)
    before = tree_hash(tmp_path)
    check = ("check", job, "--no-timing", "--set", "generation.per_class={cat: 1}")
    assert f"Left out: 1 file, {LIE}" in dcgan(*check).stderr
    assert LIE not in dcgan(*check, "--rehash").stderr
    assert tree_hash(tmp_path) == before
    run = JobConfig(name="j", data=DataConfig(source=str(tmp_path / "images"))).resolve(tmp_path)
    for number, rehash in enumerate((False, True)):
        record = build_catalogue(JobFolder(memory.parent).run(f"r{number}"), run, no_report, rehash=rehash)
        assert record.reasons == ({} if rehash else {LIE: 1})
