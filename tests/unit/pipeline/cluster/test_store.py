"""Pieces of a run in a real S3 bucket: whole or not there, whatever happens to either side meanwhile."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.pipeline.cluster.store import Store
from dcgan.pipeline.pieces import is_whole
from dcgan.run.paths import Run
from dcgan.training import snapshots
from tests.object_store import Bucket, objects

PIECE = "training/a%2Fb"


@pytest.fixture
def near(tmp_path: Path) -> Run:
    """A run with a half-trained class named `a/b`."""
    run = Run(tmp_path / "near" / "runs" / "1")
    for step in (10, 20):
        snapshots.save(run.training("a/b"), step, {"x": np.arange(step)}, f"step {step}")
    storage.write_text(run.training("a/b") / "training.jsonl", "{}\n")
    (run.training("a/b") / ".tmp-1-half").touch()
    return run


@pytest.fixture
def far(tmp_path: Path) -> Run:
    run = Run(tmp_path / "far" / "runs" / "1")
    run.root.mkdir(parents=True)
    return run


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return Store(f"{bucket.url}/work/1")


def files(run: Run) -> dict[str, bytes]:
    return {path.relative_to(run.root).as_posix(): path.read_bytes() for path in run.root.rglob("*") if path.is_file()}


def test_newest_snapshot_and_what_is_whole_arrives(store: Store, near: Run, far: Run) -> None:
    store.push(near, PIECE, whole=False)
    store.fetch(far, PIECE)
    newest = snapshots.load_newest(far.training("a/b"))
    assert newest is not None and newest[1] == "step 20"
    assert len(files(far)) == 2 and not [name for name in files(far) if ".tmp-" in name]


def test_fetched_piece_takes_the_place_of_what_was_there(store: Store, near: Run, far: Run) -> None:
    store.push(near, PIECE, whole=False)
    storage.write_text(far.training("a/b") / "stale", "")
    store.fetch(far, PIECE)
    assert not (far.training("a/b") / "stale").exists()


def test_record_comes_last_and_the_old_archive_goes_after_it(store: Store, near: Run, bucket: Bucket) -> None:
    store.push(near, PIECE, whole=False)
    snapshots.save(near.training("a/b"), 30, {"x": np.arange(30)}, "step 30")
    asked: list[str] = []
    system: Any = store._system
    for name in ("put_file", "pipe_file", "rm_file"):
        real: Callable[..., Any] = getattr(system, name)
        setattr(system, name, lambda *given, real=real, name=name, **more: (asked.append(name), real(*given, **more)))
    store.push(near, PIECE, whole=False)
    assert asked == ["put_file", "pipe_file", "rm_file"]
    assert len(objects(bucket.system, f"{bucket.name}/work/1")) == 2


def test_same_content_is_not_sent_again(store: Store, near: Run, bucket: Bucket) -> None:
    store.push(near, PIECE, whole=False)
    before = bucket.system.info(f"{bucket.name}/work/1/{PIECE}.json")["LastModified"]
    for file in near.training("a/b").iterdir():
        file.touch()
    store.push(near, PIECE, whole=False)
    assert bucket.system.info(f"{bucket.name}/work/1/{PIECE}.json")["LastModified"] == before


def test_whole_piece_is_not_replaced_by_half_of_one(store: Store, near: Run, far: Run) -> None:
    storage.write_json(near.training("a/b") / "record.json", {})
    assert is_whole(near, PIECE)
    store.push(near, PIECE, whole=True)
    (near.training("a/b") / "record.json").unlink()
    store.push(near, PIECE, whole=False)
    store.fetch(far, PIECE)
    assert is_whole(far, PIECE)


def test_only_whole_ones_of_many_are_fetched(store: Store, near: Run, far: Run) -> None:
    for label in ("cat", "dog"):
        storage.write_text(near.generation(label) / "record.json", "{}")
    store.push(near, "generation/cat", whole=True)
    store.push(near, "generation/dog", whole=False)
    store.fetch_all(far, ["generation/*", "judge"])
    assert set(files(far)) == {"generation/cat/record.json"}


def test_piece_in_the_folder_of_another_is_there_whichever_arrives_first(store: Store, near: Run, far: Run) -> None:
    store.push(near, PIECE, whole=False)
    storage.write_text(near.model("a/b"), "model")
    model = PIECE.replace("training", "model")
    store.push(near, model, whole=True)
    for number in range(10):
        again = Run(far.root.with_name(f"far-{number}"))
        again.root.mkdir()
        store.fetch_all(again, [model, PIECE])
        assert "training/a%2Fb/model.npz" in files(again) and len(files(again)) > 1


def _archive(store: Store) -> str:
    found = store.record(PIECE)
    assert found is not None
    return found.archive


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"archive": "judge.tar"}'])
def test_damaged_record_is_told_with_its_place(store: Store, near: Run, bucket: Bucket, content: bytes) -> None:
    store.push(near, PIECE, whole=False)
    bucket.system.pipe_file(f"{bucket.name}/work/1/{PIECE}.json", content)
    with pytest.raises(StorageError, match=rf"/work/1/{PIECE}\.json is damaged"):
        store.record(PIECE)


def test_damaged_archive_is_told_with_its_place(store: Store, near: Run, far: Run, bucket: Bucket) -> None:
    store.push(near, PIECE, whole=False)
    archive = _archive(store)
    bucket.system.pipe_file(f"{bucket.name}/work/1/{archive}", b"half")
    with pytest.raises(StorageError, match=r"a%2Fb\.[0-9a-f]{16}\.tar is damaged.*Remove both"):
        store.fetch(far, PIECE)
    assert files(far) == {}


def test_record_without_its_archive_is_told(store: Store, near: Run, far: Run, bucket: Bucket) -> None:
    store.push(near, PIECE, whole=False)
    bucket.system.rm_file(f"{bucket.name}/work/1/{_archive(store)}")
    with pytest.raises(StorageError, match="names an archive that is not there"):
        store.fetch(far, PIECE)


def test_archive_that_would_write_elsewhere_is_refused(store: Store, far: Run, bucket: Bucket, tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar"
    (tmp_path / "evil").write_text("evil")
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "evil", "../../../evil-was-here")
    record = {"archive": "judge.evil.tar", "sha256": storage.sha256(archive), "whole": True}
    bucket.system.put_file(str(archive), f"{bucket.name}/work/1/judge.evil.tar")
    bucket.system.pipe_file(f"{bucket.name}/work/1/judge.json", json.dumps(record).encode())
    with pytest.raises(tarfile.OutsideDestinationError):
        store.fetch(far, "judge")
    assert not list(tmp_path.rglob("evil-was-here"))
