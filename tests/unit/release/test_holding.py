"""What one process reads, another does not remove: with real processes."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcgan.errors import ReleaseError
from dcgan.release.folder import Folder
from dcgan.release.holding import remove_unless_held
from dcgan.release.publish import publish
from dcgan.release.reader import load_release
from tests.unit.conftest import MADE, Made, make_run

READ = """
import sys, dcgan
release = dcgan.load_release(sys.argv[1])
print("opened", flush=True)
sys.stdin.readline()
print(len(release.arrays()[0]))
"""


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block; its first line has been read."""
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout
    try:
        assert started.stdout.readline() == "opened\n"
        yield started
    finally:
        started.kill()
        started.communicate()


def publish_next(made: Made) -> Path:
    """Another night's release of the same images; only the newest is to be kept."""
    night = made.run.job.run("99991231-000000")
    shutil.copytree(made.run.root, night.root)
    config = made.config.model_copy(update={"outputs": made.config.outputs.model_copy(update={"keep": 1})})
    return publish(night, config, made.outcome)


def test_release_that_a_process_reads_outlives_the_next_nights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dcgan")
    made = make_run(tmp_path)
    old = publish(made.run, made.config, made.outcome)
    with process(sys.executable, "-c", READ, str(made.run.job.latest)) as reader:
        new = publish_next(made)
        assert f"Release {old.name} is over outputs.keep but is being read" in caplog.text
        assert made.run.job.latest.resolve() == new and old.exists()
        assert reader.communicate("go on\n", timeout=60)[0] == f"{sum(MADE.values())}\n"
    publish_next_again(made, new)
    assert not old.exists() and new.exists()


def publish_next_again(made: Made, folder: Path) -> None:
    """What a later night does: the release is there already, and old ones are removed."""
    config = made.config.model_copy(update={"outputs": made.config.outputs.model_copy(update={"keep": 1})})
    assert publish(made.run.job.run(folder.name), config, made.outcome) == folder


def test_killed_reader_holds_nothing(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    old = publish(made.run, made.config, made.outcome)
    with process(sys.executable, "-c", READ, str(old)):
        assert not remove_unless_held(old)
    assert remove_unless_held(old)
    assert not old.exists() and not any(made.run.job.releases.iterdir())


def test_any_program_can_hold_a_release_by_flock(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    with process("flock", "--shared", str(folder), "sh", "-c", "echo opened; read line"):
        assert not remove_unless_held(folder)
    assert remove_unless_held(folder)


def test_release_is_held_as_long_as_an_object_of_it_is_in_use(made: Made, tmp_path: Path) -> None:
    folder = shutil.copytree(made.run.root, tmp_path / "release")
    held = Folder(folder)
    again = pickle.loads(pickle.dumps(held))  # as a data loader's workers get it
    del held
    assert not remove_unless_held(folder)
    del again
    assert remove_unless_held(folder)


def test_release_that_is_being_removed_is_told_as_such(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    holding = process("flock", "--exclusive", str(folder), "sh", "-c", "echo opened; read line")
    with holding, pytest.raises(ReleaseError, match="is being removed"):
        load_release(folder)


def test_latest_that_moves_while_it_is_opened_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_run(tmp_path)
    old = publish(made.run, made.config, made.outcome)
    resolve = Path.resolve

    def slowly(path: Path) -> Path:
        found = resolve(path)
        if found == old and old.exists():
            publish_next(made)
        return found

    monkeypatch.setattr(Path, "resolve", slowly)
    assert load_release(made.run.job.latest).path.name == "99991231-000000"
    assert not old.exists()
