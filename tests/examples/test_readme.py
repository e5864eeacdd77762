"""Every command in the README runs, as it is written there; what takes long is made short by further settings."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import BRIEF, DCGAN, TINY, write_digits
from tests.prefect_server import wait_for
from tests.shell import Dcgan

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
CLONE, DEMO, ENTER, INIT, CHECK, RUN, REPORT, VERIFY, SERVE, HISTORY = (
    re.split(r" {2,}#", command)[0].strip() for command in COMMANDS
)
SHORT = [f"--set={key}={json.dumps((TINY | BRIEF)[key])}" for key in ("gate", "run", "training")]
MODEL = """
import keras
model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
"""


def test_these_are_all_the_commands() -> None:
    """A new one needs a line here."""
    assert [line.split()[:3] for line in (CLONE, DEMO, ENTER)] == [
        ["git", "clone", "<address"],
        ["make", "-C", "dcgan-augment"],
        ["cd", "dcgan-augment", "&&"],
    ]
    own = [line.split()[:2] for line in (INIT, CHECK, RUN, REPORT, VERIFY, SERVE, HISTORY)]
    assert own == [["dcgan", name] for name in ("init", "check", "run", "report", "verify", "serve", "history")]
    inline = set(re.findall(r"`((?:make|pip|dcgan) [^`]+)`", README))
    # Those of tests/flows/test_local.py, tests/browser/test_site.py and tests/packaging/, and one from above.
    assert inline == {"make up", "make down", "make docs", "pip install dcgan-augment", "dcgan run job.yaml"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    write_digits(folder / "signs", {0: 60, 1: 50, 7: 90})
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, lasting: Dcgan) -> Callable[..., str]:
    """Run a line of the README in the folder with the images."""

    def run_line(line: str, *further: str) -> str:
        with contextlib.chdir(folder):
            done = lasting(*shlex.split(line)[1:], *further)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run_line


def test_own_images_from_init_to_the_morning(run: Callable[..., str], folder: Path) -> None:
    assert "Wrote job.yaml" in run(INIT, "--no-timing")
    assert yaml.safe_load((folder / "job.yaml").read_text(encoding="utf-8"))["name"] == "signs"
    assert "Next: dcgan run job.yaml" in run(CHECK, "--no-timing")
    assert "Completed" in run(RUN, *SHORT)
    assert "report.html" in run(REPORT)
    assert "as they were released" in run(VERIFY)
    assert "Completed" in run(HISTORY)

    [script] = [text for kind, text in BLOCKS if kind == "python"]
    fitted = script.replace("steps_per_epoch=100, epochs=20", "steps_per_epoch=3, epochs=1")
    assert fitted != script
    done = subprocess.run(
        [sys.executable, "-c", MODEL + fitted], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_clone_and_demo(run: Callable[..., str], folder: Path, tmp_path: Path) -> None:
    clone = CLONE.replace("<address of this repository>", shlex.quote(str(ROOT)))
    subprocess.run(shlex.split(clone), cwd=tmp_path, capture_output=True, check=True)
    told = subprocess.run(shlex.split(f"{DEMO} --dry-run"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"^\.venv/bin/dcgan demo; ", told.stdout, re.MULTILINE)
    assert (tmp_path / "dcgan-augment" / "examples" / "morning.ipynb").exists()
    few = "--set=generation={per_class: {'9': 10}}"
    assert "Completed" in run("dcgan demo", f"--out={folder / 'demo'}", few, *SHORT)


def test_every_night(folder: Path, environment: dict[str, str]) -> None:
    with (
        (folder / "served").open("w+b") as told,
        subprocess.Popen(
            [*DCGAN, *shlex.split(SERVE)[1:]], cwd=folder, env=environment, stdout=told, stderr=told
        ) as serving,
    ):
        wait_for("the schedule", lambda: b"Europe/Berlin" in (folder / "served").read_bytes(), 60)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
