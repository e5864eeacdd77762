"""The whole job from S3 to S3 by the real command line: killed as it uploads, and brought to its end by the next run.

A watcher lists the bucket all the while: what shows a release.json must be whole.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan import load_release
from dcgan.errors import ReleaseError
from dcgan.release.verify import verify
from tests.conftest import BRIEF, DCGAN, write_digits, write_job
from tests.object_store import SECRET, Bucket, Proxy, Store, Watcher, objects, upload_tree

NAME = "night"  # of the bucket
IMAGES, OUTPUTS = f"s3://{NAME}/images", f"s3://{NAME}/outputs"
JOB = f"{NAME}/outputs/tiny"
LEFTOVER = "20200101-000000"
COUNT = 80  # images: enough for an upload to be met half way through
DEADLINE_SECONDS = 240

Seen = dict[str, int]


@dataclass
class Night:
    """What the two runs left and said."""

    store: Store
    environment: dict[str, str]
    job: Path
    state: Path
    """Where the job works."""
    killed: Watcher
    """Of the first run, to its kill."""
    after_kill: Seen
    """Objects in the bucket then."""
    second: subprocess.CompletedProcess[str]
    resumed: Watcher

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.second.stdout))


@pytest.fixture(scope="module")
def night(store: Store, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Night:
    root = tmp_path_factory.mktemp("night")
    system = store.system()
    system.mkdir(NAME)
    write_digits(root / "images", {0: 60, 1: 50, 7: 90})
    upload_tree(system, root / "images", f"{NAME}/images")
    system.pipe_file(f"{NAME}/outputs/tiny/releases/{LEFTOVER}/images/0/a.png", b"half of an upload")
    images, amounts = {"source": IMAGES, "holdout": 0.4}, {"per_class": {"0": COUNT}}
    job = write_job(root, **BRIEF | {"data": images, "outputs": {"root": OUTPUTS}, "generation": amounts})
    places = {"XDG_CACHE_HOME": str(root / "cache"), "XDG_STATE_HOME": str(root / "state")}

    # The first run reaches the bucket by a slow line, and is killed half way through its upload.
    proxy, killed = Proxy(store, put_seconds=0.5), Watcher(store, JOB, LEFTOVER)
    slow = environment | store.environment(proxy.port) | places
    with subprocess.Popen([*DCGAN, "run", str(job)], env=slow, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while killed.most < 40:
            assert process.poll() is None and time.monotonic() < deadline, "the run ended too early"
            time.sleep(0.3)
            if list((root / "state").glob("dcgan/*/tiny/latest")):  # published here, and now uploaded
                killed.look()
        os.kill(process.pid, signal.SIGKILL)
    proxy.close()
    after_kill = objects(system, NAME)

    # The same command again.
    resumed, ended = Watcher(store, JOB, LEFTOVER), threading.Event()
    thread = threading.Thread(target=resumed.watch, args=(ended,))
    thread.start()
    fast = environment | store.environment() | places
    second = subprocess.run([*DCGAN, "run", str(job), "--json"], env=fast, capture_output=True, text=True, check=False)
    ended.set()
    thread.join()
    resumed.look()
    assert second.returncode in (0, 3), second.stderr
    return Night(store, fast, job, root / "state", killed, after_kill, second, resumed)


@pytest.fixture
def reader(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """This process as another machine: it reads the bucket, and has nothing of the job's own folders."""
    for name, value in night.store.environment().items():
        monkeypatch.setenv(name, value)
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return Bucket(NAME, night.store, night.store.system(), lambda _: None)


def test_kill_leaves_nothing_that_looks_like_a_release(night: Night) -> None:
    outputs = {name for name in night.after_kill if name.startswith("outputs/")}
    assert len(outputs) >= 40
    assert not [name for name in outputs if name.endswith(("release.json", "latest"))]
    assert not night.killed.halves and not night.killed.whole


def test_run_removes_what_an_earlier_one_left(night: Night) -> None:
    assert not [name for name in night.after_kill if LEFTOVER in name]


def test_next_run_completes_the_upload_and_a_listing_never_shows_half_a_release(night: Night) -> None:
    assert f"Resuming run {night.summary['run_id']}" in night.second.stderr
    assert night.resumed.whole == {night.summary["run_id"]} and night.resumed.halves == []
    sent = int(night.second.stderr.partition("Uploading ")[2].split()[0])
    assert 0 < sent < len(load_files(night)) - 20  # what was there was not sent again


def load_files(night: Night) -> Seen:
    return objects(night.store.system(), f"{NAME}/outputs/tiny/releases/{night.summary['run_id']}")


def test_summary_names_urls(night: Night) -> None:
    assert night.summary["latest"] == f"{OUTPUTS}/tiny/latest"
    assert night.summary["release"] == f"{OUTPUTS}/tiny/releases/{night.summary['run_id']}"
    assert f"Report       {night.summary['release']}/report.html" in night.second.stderr


def test_bucket_has_releases_and_latest_and_nothing_else(night: Night, reader: Bucket) -> None:
    found = objects(reader.system, f"{NAME}/outputs/tiny")
    assert {name.partition("/")[0] for name in found} == {"releases", "latest"}
    assert {path.name for path in night.state.glob("dcgan/*/tiny/*")} >= {"runs", "releases", "inputs.cache"}


def test_release_is_loaded_from_its_url_on_another_machine(night: Night, reader: Bucket) -> None:
    release = load_release(f"{OUTPUTS}/tiny/latest", verify=True)
    images, labels = release.arrays()
    assert images.shape == (COUNT, 8, 8, 1) and np.bincount(labels).tolist() == [COUNT]
    with pytest.raises(ReleaseError, match="pass them as `real=`"):
        release.real()
    real, _ = release.real(release.config.data.source)
    assert len(real) == sum(entry["train"] for entry in night.summary["classes"].values()) and reader


def test_verify_and_report_take_a_url(night: Night, dcgan_at: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = dcgan_at("verify", f"{OUTPUTS}/tiny/latest", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"verified": True, "files": len(load_files(night)) - 1}
    assert "Completed" in dcgan_at("report", night.summary["release"]).stdout


@pytest.fixture
def dcgan_at(night: Night) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line, with the night's store."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*DCGAN, *map(str, arguments)]
        return subprocess.run(command, env=night.environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_images_are_not_fetched_twice(night: Night, dcgan_at: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = dcgan_at("check", night.job, "--no-timing")
    assert done.returncode == 0, done.stderr
    assert "Fetching" not in done.stderr
    assert "Nothing was written, but the local copy of data.source." in done.stderr.splitlines()
    assert str(night.state) in done.stderr  # where the run works


def test_secret_stands_nowhere(night: Night, reader: Bucket) -> None:
    secret = SECRET.encode()
    files = [path for path in night.job.parent.rglob("*") if path.is_file()]
    assert len(files) > 200
    assert not [path for path in files if secret in path.read_bytes()]
    assert not [name for name in reader.system.find(NAME) if secret in reader.system.cat_file(name)]
    assert SECRET not in night.second.stderr + night.second.stdout


def test_byte_that_changed_in_the_bucket_is_told(night: Night, reader: Bucket) -> None:
    name = next(name for name in load_files(night) if name.endswith(".png"))
    path = f"{NAME}/outputs/tiny/releases/{night.summary['run_id']}/{name}"
    was = reader.system.cat_file(path)
    reader.system.pipe_file(path, was[:-1] + bytes([was[-1] ^ 1]))
    with pytest.raises(ReleaseError, match=f"{name} has changed"):
        verify(f"{OUTPUTS}/tiny/latest")
    reader.system.pipe_file(path, was)
