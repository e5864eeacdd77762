"""A job with a release, which long tests break in every way: copies of it, its stages, and what it has left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import yaml

from benchmarks.kill import released_bytes
from dcgan.files import storage
from dcgan.release.verify import verify
from dcgan.run import runs
from dcgan.run.paths import JobFolder, Run
from tests.conftest import DCGAN, TINY, write_digits

DEADLINE_SECONDS = 900  # of one run, on a machine that has other work
TONIGHT = ["--fresh", "--set", "generation.seed=1"]  # what the next run does, so that nothing is taken over
NUM_KEPT = 2  # `outputs.keep`
PHASES = ("start", "catalogue", "split", "judge", "base", "making", "evaluation", "release", "end")


@dataclass
class House:
    """A job's folder, and where its processes leave what they leave."""

    root: Path
    temporary: Path
    """TMPDIR of its processes."""
    environment: dict[str, str]
    before: set[str] = field(default_factory=set)
    """Runs that stand from the night before."""

    @property
    def job(self) -> JobFolder:
        return JobFolder(self.root / "outputs" / "kill")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start tonight's run, or go on with it."""
        command = [*DCGAN, "run", str(self.root / "job.yaml"), *(arguments or TONIGHT)]
        with (self.root / "log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, text=True)

    def finish(self) -> None:
        """Let the run go on to its end."""
        with self.start() as process:
            try:
                assert process.wait(DEADLINE_SECONDS) in (0, 3), self.said()
            finally:
                process.kill()

    def said(self) -> str:
        """The end of what its runs have said."""
        return (self.root / "log").read_text(encoding="utf-8")[-3000:]

    def released(self) -> dict[str, bytes]:
        """Models and images of `latest` by path."""
        return released_bytes(self.root / "job.yaml")

    def phase(self) -> str:
        """How far tonight's run has come: the phase that is under way."""
        tonight = [run for run in runs.newest_first(self.job) if run.id not in self.before]
        if not tonight:
            return "start"
        run: Run = tonight[0]
        done = {
            "catalogue": run.catalogue_record.exists(),
            "split": run.fingerprints.exists(),
            "judge": (run.judge / "record.json").exists(),
            "base": (run.base / "record.json").exists(),
            "making": all((run.generation(label) / "record.json").exists() for label in ("0", "1")),
            "evaluation": run.evaluation_record.exists(),
            "release": (run.job.releases / run.id).exists(),
        }
        return next((phase for phase, is_done in done.items() if not is_done), "end")

    def processes(self) -> list[psutil.Process]:
        """Processes that belong to it and are alive."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("TMPDIR", "").startswith(str(self.temporary)):
                    found.append(process)
        return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    def left_behind(self) -> list[str]:
        """What should not be there once a run has ended: processes, temporary files, halves, too many runs."""
        psutil.wait_procs(self.processes(), timeout=15)
        found = [f"process {process.pid}: {' '.join(process.cmdline())[:200]}" for process in self.processes()]
        found += [str(file) for file in self.temporary.iterdir()]
        found += [str(file) for file in self.job.root.rglob(f"{storage.TEMPORARY_PREFIX}*")]
        found += [str(file) for file in self.job.root.glob("*lock*") if file.name != "lock"]
        return found + [str(run.root) for run in runs.newest_first(self.job)[NUM_KEPT + 1 :]]


@dataclass(frozen=True)
class Peace:
    """A job with a release, and what the next run comes to if nothing happens to it."""

    house: House
    expected: dict[str, bytes]
    seconds: float

    def copy(self, folder: Path) -> House:
        """The job on the evening before, in a folder of its own."""
        shutil.copytree(self.house.root, folder / "job", symlinks=True)
        shutil.copytree(self.house.root.with_name("prefect"), folder / "prefect")  # a new database takes 10 s
        return _house(folder)


def _house(folder: Path) -> House:
    temporary = folder / "tmp"
    temporary.mkdir()
    own = {"TMPDIR": str(temporary), "PREFECT_HOME": str(folder / "prefect")}
    house = House(folder / "job", temporary, {**os.environ, **own})
    house.before = {run.id for run in runs.newest_first(house.job)}
    return house


@pytest.fixture(scope="session")
def peace(tmp_path_factory: pytest.TempPathFactory) -> Peace:
    root = tmp_path_factory.mktemp("peace")
    evening = root / "evening"
    write_digits(evening / "job" / "images", {0: 60, 1: 50, 7: 90})
    values = TINY | {"name": "kill", "data": {"source": "images", "holdout": 0.4}, "outputs": {"keep": NUM_KEPT}}
    values["run"] = {"processes": 2, "threads": 1}
    (evening / "job" / "job.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    house = _house(evening)
    with house.start("--json") as process:
        assert process.wait(DEADLINE_SECONDS) in (0, 3), house.said()
    (root / "night").mkdir()
    night = Peace(house, {}, 0).copy(root / "night")
    began = time.monotonic()
    night.finish()
    seconds = time.monotonic() - began
    assert not night.left_behind()
    assert night.released() != house.released()
    return Peace(house, night.released(), seconds)


@contextlib.contextmanager
def watched(job: JobFolder) -> Iterator[list[str]]:
    """Look at `latest` and the releases again and again, for the time of the block, and note whatever is wrong."""
    wrong: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        known: set[str] = set()
        while not ended.is_set():
            try:
                newest = job.latest.resolve(strict=True)
                if newest.name not in known:
                    verify(newest)
                    known.add(newest.name)
                for folder in job.releases.iterdir():
                    is_half = (
                        not (folder / "release.json").exists() and folder.exists()
                    )  # it may just have been removed
                    if is_half and not folder.name.startswith(storage.TEMPORARY_PREFIX):
                        wrong.append(f"{folder} is half a release")
            except Exception as error:
                wrong.append(f"latest: {error!r}")
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield wrong
    finally:
        ended.set()
        thread.join()


def when(house: House, phase: str, process: subprocess.Popen[str]) -> bool:
    """Wait until a run has come to a phase, or beyond; False: it has ended before."""
    return _until(lambda: PHASES.index(house.phase()) >= PHASES.index(phase), process)


def _until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
    return True
