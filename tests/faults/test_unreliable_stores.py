"""Stores that fail, dawdle and drop connections: what is uploaded or fetched is whole in the end, or refused as such.

One is a file system of fsspec whose calls fail at random, in this process; the other a real S3 server behind a proxy
that answers 500, waits, or cuts the connection.
"""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dcgan.data.catalogue import mirror
from dcgan.errors import StorageError
from dcgan.files import transfers
from dcgan.release import remote
from dcgan.release.publish import publish
from dcgan.release.reader import load_release
from dcgan.release.verify import verify
from dcgan.run.paths import JobFolder
from tests.object_store import Bucket, Proxy, upload_tree
from tests.samples import write_classes
from tests.unit.conftest import Made, make_run


class Faulty(MemoryFileSystem):  # type: ignore[misc]
    """A file system in memory, some of whose calls fail."""

    protocol = "memory"
    cachable = False
    share: ClassVar[float] = 0.0
    """Of the calls, how many fail."""
    draws: ClassVar[random.Random]
    num_failed: ClassVar[int] = 0

    def _may_fail(self) -> None:
        if self.draws.random() < self.share:
            type(self).num_failed += 1
            number = self.draws.choice([errno.EIO, errno.ECONNRESET, errno.ETIMEDOUT])
            raise OSError(number, "the store fails")


def _failing(name: str) -> Callable[..., Any]:
    def act(self: Faulty, *arguments: Any, **named: Any) -> Any:
        self._may_fail()
        result = getattr(MemoryFileSystem, name)(self, *arguments, **named)
        self._may_fail()  # it was done, and the answer is lost
        return result

    return act


for _name in ("info", "find", "ls", "cat_file", "pipe_file", "put_file", "get_file", "rm_file", "rm"):
    setattr(Faulty, _name, _failing(_name))


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Faulty]]:
    monkeypatch.setattr(transfers, "WAITS", (0.0,) * 12)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = fsspec.get_filesystem_class("memory")
    fsspec.register_implementation("memory", Faulty, clobber=True)
    Faulty.store.clear()
    Faulty.share, Faulty.num_failed, Faulty.draws = 0.0, 0, random.Random(0)
    yield Faulty
    fsspec.register_implementation("memory", known, clobber=True)
    Faulty.store.clear()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, str]:
    """A job with a release, and its id."""
    made = make_run(tmp_path_factory.mktemp("made"))
    return made, publish(made.run, made.config, made.outcome).name


def test_release_arrives_whole_through_a_store_that_fails(
    faulty: type[Faulty], released: tuple[Made, str], tmp_path: Path
) -> None:
    made, run_id = released
    faulty.share = 0.1
    for number in range(5):
        url = f"memory://out-{number}/odd"
        remote.prepare(url, run_id)
        remote.upload(made.run.job, run_id, url, keep=2)
        copy = load_release(f"{url}/latest").path
        assert verify(copy)
        shutil.rmtree(tmp_path / "cache")
    assert faulty.num_failed > 50


def test_upload_that_fails_for_good_shows_no_release_and_goes_on_when_the_store_is_well(
    faulty: type[Faulty], released: tuple[Made, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "WAITS", (0.0,))
    made, run_id = released
    url, failed = "memory://out/odd", 0
    for share in (1.0, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 0.0):
        faulty.share = share
        try:
            remote.upload(made.run.job, run_id, url, keep=2)
        except StorageError as error:
            failed += 1
            assert "the store fails" in str(error)
        faulty.share = 0.0
        if faulty().exists("/out/odd/latest"):
            assert verify(load_release(f"{url}/latest").path)
    assert failed > 3 and verify(load_release(f"{url}/latest", verify=True).path)


def test_source_is_copied_whole_from_a_store_that_fails(faulty: type[Faulty], tmp_path: Path) -> None:
    images = write_classes(tmp_path / "images", {"a": 20, "b": 20})
    upload_tree(faulty(), images, "/source")
    faulty.share = 0.1
    copy = mirror.update("data.source", "memory://source", lambda _: (), lambda _: None)
    assert not copy.left_out and faulty.num_failed > 5
    for file in images.rglob("*.png"):
        assert (copy.path / file.relative_to(images)).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("trouble", ["500", "slow", "cut"])
def test_release_arrives_whole_through_a_proxy_that_makes_trouble(
    trouble: str, bucket: Bucket, released: tuple[Made, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "WAITS", (0.05,) * 8)
    made, run_id = released
    draws = random.Random(trouble)
    proxy = Proxy(bucket.store, trouble=lambda: trouble if draws.random() < 0.05 else "")
    bucket.go_by(proxy.port)
    try:
        url = f"{bucket.url}/out/odd"
        remote.prepare(url, run_id)
        remote.upload(JobFolder(made.run.job.root), run_id, url, keep=2)
        assert verify(load_release(f"{url}/latest").path)
    finally:
        proxy.close()
    assert proxy.num_troubles > 0
