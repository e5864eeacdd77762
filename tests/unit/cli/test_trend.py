"""`dcgan history --tensorboard`: the nights as TensorBoard itself reads and serves them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dcgan.cli.history import show
from dcgan.errors import StorageError
from dcgan.run import history
from dcgan.run.paths import JobFolder
from tests.conftest import DCGAN, Finished
from tests.object_store import free_port
from tests.prefect_server import wait_for
from tests.unit.run.test_history import night


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "outputs" / "signs")
    history.append(job, night(1, state="Failed: no class ships"))
    history.append(job, night(2, released=12, verdicts={"a": "shipped"}, accuracy_without=0.5, accuracy_with=0.625))
    return job


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag, as TensorBoard reads them."""
    read = EventAccumulator(str(folder))
    read.Reload()
    values: dict[str, list[tuple[int, float]]] = {}
    for tag in read.Tags()["tensors"]:
        values[tag] = [(event.step, float(event.tensor_proto.float_val[0])) for event in read.Tensors(tag)]
    return values


def test_each_night_is_a_step(job: JobFolder, tmp_path: Path) -> None:
    assert show(job.root, tmp_path / "logs", as_json=False) == 0
    assert scalars(tmp_path / "logs" / "signs") == {
        "night/hours": [(1, 2.0), (2, 2.0)],
        "night/images released": [(1, 0.0), (2, 12.0)],
        "night/classes shipped": [(1, 0.0), (2, 1.0)],
        "balanced accuracy/without synthetic images": [(2, 0.5)],
        "balanced accuracy/with synthetic images": [(2, 0.625)],
    }


def test_a_second_call_writes_in_the_place_of_the_first(job: JobFolder, tmp_path: Path) -> None:
    for number in (3, 4):
        history.append(job, night(number))
        show(job.root, tmp_path, as_json=False)
    assert [step for step, _ in scalars(tmp_path / "signs")["night/hours"]] == [1, 2, 3, 4]


def test_a_folder_with_anything_else_in_it_stays_as_it_is(job: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "signs").mkdir()
    (tmp_path / "signs" / "thesis.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"thesis\.txt"):
        show(job.root, tmp_path, as_json=False)
    assert [path.name for path in (tmp_path / "signs").iterdir()] == ["thesis.txt"]


@pytest.fixture
def served(finished: Finished, tmp_path: Path) -> Iterator[str]:
    """Address of a real TensorBoard that shows the finished job."""
    command = [*DCGAN, "history", finished.job_file, "--tensorboard", tmp_path, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["nights"]) == 1 and done.stderr.count("\n") == 1, done.stderr
    port = free_port()
    program = shutil.which("tensorboard", path=str(Path(sys.executable).parent))
    assert program
    with subprocess.Popen(
        [program, "--logdir", str(tmp_path), "--host", "127.0.0.1", "--port", str(port), "--load_fast", "false"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def tags(address: str) -> dict[str, dict[str, Any]]:
    """Tags of scalars by run; none while the server is starting or reading."""
    try:
        with urllib.request.urlopen(f"{address}/data/plugin/scalars/tags", timeout=10) as answer:
            return dict(json.load(answer))
    except OSError:
        return {}


def test_tensorboard_shows_classes_and_measures_of_a_release_that_is_still_there(served: str) -> None:
    found = wait_for("the job's scalars", lambda: tags(served).get("tiny"))
    assert {"recall with synthetic images/0", "recall without synthetic images/1", "night/hours"} <= set(found)
    assert any(tag.startswith("measures/") for tag in found)
