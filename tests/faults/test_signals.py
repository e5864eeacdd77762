"""A job that signals stop at one moment after the other ends as documented each time, and is done in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from dcgan.cli.stopping import GRACE_SECONDS, INTERRUPTED
from dcgan.training import snapshots
from tests.conftest import BRIEF, DCGAN, write_job
from tests.processes import children_with
from tests.samples import write_noise

MOMENTS = ["server starts", "images are read", "class is trained", "release is published"]  # for SIGTERM
SERVER = "prefect.server.api.server:create_app"  # in the command of an embedded one
KILLED = "killed while a class is trained"
NUM_LARGE = 3000  # files that take long to open
END_SECONDS = GRACE_SECONDS + 30  # on a busy machine

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class End:
    """How a run ended."""

    status: int
    stderr: str
    processes: list[str]
    """Commands of those that it has left behind."""
    files: list[Path]
    """Temporary ones that it has left behind."""


@dataclass(frozen=True)
class Story:
    """The ends of one job's runs, by the moment at which each was stopped."""

    ends: dict[str, End]
    last: subprocess.CompletedProcess[str]
    """The run that was let alone."""
    job: Path
    temporary: Path


def stopped_at(
    moment: Callable[[subprocess.Popen[str]], object], number: signal.Signals, job: Path, environment: dict[str, str]
) -> End:
    """Start a run, and send it a signal as soon as something is so."""
    with subprocess.Popen([*DCGAN, "run", str(job)], env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 240
        while not moment(process):
            assert process.poll() is None and time.monotonic() < deadline, "the run ended too early"
            time.sleep(0.005)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        try:
            _, stderr = process.communicate(timeout=END_SECONDS)
        finally:
            process.kill()
    _, alive = psutil.wait_procs(family, timeout=15)
    processes = [" ".join(child.cmdline()) for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    return End(process.returncode, stderr, processes, list(Path(environment["TMPDIR"]).iterdir()))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, serverless: dict[str, str]) -> Story:
    root, temporary = tmp_path_factory.mktemp("signals"), tmp_path_factory.mktemp("temporary")
    training = BRIEF["training"] | {"class_steps": 400}  # long enough for it to be met while it runs
    job = write_job(root, name="signals", **BRIEF | {"training": training})
    large = root / "images" / "large"
    write_noise(large / "0.png", 1, 1000, 1000)
    for number in range(1, NUM_LARGE):
        os.link(large / "0.png", large / f"{number}.png")
    own = serverless | {"TMPDIR": str(temporary)}
    outputs = root / "outputs" / "signals"

    def trains(process: subprocess.Popen[str]) -> bool:
        """A class's training is under way, and its process is stopped: it answers to nothing any more."""
        if not any(map(snapshots.newest_file, outputs.glob("runs/*/training/0"))):
            return False
        workers = children_with(process, "dcgan.pipeline.worker")
        for worker in workers:
            worker.suspend()
        return bool(workers)

    moments: dict[str, Callable[[subprocess.Popen[str]], object]] = {
        "server starts": lambda process: children_with(process, SERVER),
        "images are read": lambda process: children_with(process, "dcgan.data.catalogue.opening"),
        "class is trained": trains,
        KILLED: lambda process: trains(process) and children_with(process, SERVER),
        "release is published": lambda _: list(outputs.glob("releases/.tmp-*")),
    }
    ends = {}
    for name, moment in moments.items():
        ends[name] = stopped_at(moment, signal.SIGKILL if name == KILLED else signal.SIGTERM, job, own)
        if name == "images are read":
            for file in large.iterdir():
                file.unlink()
            large.rmdir()
    command = [*DCGAN, "run", str(job), "--json"]
    last = subprocess.run(command, env=own, capture_output=True, text=True, timeout=600, check=False)
    return Story(ends, last, job, temporary)


@pytest.mark.parametrize("moment", MOMENTS)
def test_run_that_is_told_to_end_says_so_with_its_status_and_no_more(story: Story, moment: str) -> None:
    end = story.ends[moment]
    assert end.status == 130, end.stderr
    assert end.stderr.endswith(f"{INTERRUPTED}\n") and "Traceback" not in end.stderr and "Error" not in end.stderr


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_of_it(story: Story, moment: str) -> None:
    assert (story.ends[moment].processes, story.ends[moment].files) == ([], [])


def test_nothing_but_files_is_left_of_a_run_that_is_killed_and_those_go_with_the_next(story: Story) -> None:
    end = story.ends[KILLED]
    assert end.status == -signal.SIGKILL and end.processes == [] and end.files
    assert not any(file.exists() for file in end.files)


def test_run_that_is_let_alone_goes_on_and_releases(story: Story, dcgan: Dcgan) -> None:
    assert story.last.returncode in (0, 3), story.last.stderr
    assert "Resuming run" in story.last.stderr
    summary = json.loads(story.last.stdout)
    assert dcgan("verify", summary["release"]).returncode == 0
    assert [path.name for path in Path(summary["release"]).parent.iterdir()] == [summary["run_id"]]


def test_whole_run_leaves_nothing_in_its_temporary_folder(story: Story) -> None:
    assert list(story.temporary.iterdir()) == []
