"""One stage after the other, class by class: each says truly what it still waits for, and which command does it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcgan.files.storage import read_json
from tests.conftest import TINY, write_digits, write_job

Done = subprocess.CompletedProcess[str]


@dataclass
class Steps:
    """What the commands said, by what stands in their way."""

    job: Path
    said: dict[str, Done]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, lasting: Callable[..., Done]) -> Steps:
    # Too few held-out images of 0 and 1 for a verdict: proven_gain withholds them whatever is measured.
    gate, generation = TINY["gate"] | {"policy": "proven_gain"}, {"per_class": {"0": 70, "1": 40, "7": 10}}
    data = {"source": "images", "holdout": 0.25}
    folder = tmp_path_factory.mktemp("steps")
    write_digits(folder / "images", {0: 60, 1: 50, 7: 140})
    job = write_job(folder, data=data, gate=gate, generation=generation)

    def do(command: str, *options: str) -> Done:
        done = lasting(command, job, *options)
        assert done.returncode == 0, done.stderr
        return done

    said = {"none trained": lasting("generate", job, "--set", "run.threads=1")}
    do("train")
    said["none generated"] = lasting("release", job)
    do("generate", "--class", "0")
    said["evaluated"] = do("evaluate", "--json")
    said["1 not generated"] = lasting("release", job)
    said["1 not generated, and named"] = lasting("evaluate", job, "--class", "1")
    do("generate", "--class", "1", "--class", "7")
    said["1 not evaluated"] = lasting("release", job)
    do("evaluate")
    said["released"] = lasting("release", job, "--class", "1", "--json")
    return Steps(job, said)


def refused(done: Done, *lines: str) -> None:
    assert done.returncode == 1 and "Traceback" not in done.stderr
    [start] = [number for number, line in enumerate(done.stderr.splitlines()) if line.startswith("Error: ")]
    assert done.stderr.splitlines()[start:] == list(lines)


def test_nothing_done_yet_is_told_with_the_first_command_and_the_settings_given(steps: Steps) -> None:
    refused(steps.said["none trained"], f"Error: no class was trained yet: dcgan train {steps.job} --set run.threads=1")
    refused(steps.said["none generated"], f"Error: no class was generated yet: dcgan generate {steps.job}")


def test_release_names_the_class_that_was_not_generated_and_how_to_go_without(steps: Steps) -> None:
    refused(
        steps.said["1 not generated"],
        f"Error: classes 1, 7 were not generated yet: dcgan generate {steps.job} --class 1 --class 7",
        f"To release without waiting for that: dcgan release {steps.job} --class 0",
    )


def test_release_names_the_class_that_was_generated_after_the_evaluation(steps: Steps) -> None:
    refused(
        steps.said["1 not evaluated"],
        f"Error: classes 1, 7 were not evaluated yet: dcgan evaluate {steps.job}",
        f"To release without waiting for that: dcgan release {steps.job} --class 0",
    )


def test_evaluation_of_what_there_is_says_what_is_not(steps: Steps) -> None:
    told = f"Not every class gets a verdict: classes 1, 7 were not generated yet: dcgan generate {steps.job}"
    assert f"{told} --class 1 --class 7" in steps.said["evaluated"].stderr
    verdicts = json.loads(steps.said["evaluated"].stdout)["classes"]
    assert [verdicts[label]["verdict"] for label in "017"] == ["withheld", "none", "none"]
    refused(
        steps.said["1 not generated, and named"],
        f"Error: class 1 was not generated yet: dcgan generate {steps.job} --class 1",
    )


def test_table_counts_what_ships_and_tells_what_is_withheld_and_what_was_left_out(steps: Steps) -> None:
    released = steps.said["released"]
    assert released.returncode == 1  # nothing ships
    assert "Failed: no class ships, 1 class withheld (1), 2 classes failed (0, 7)" in released.stderr
    rows = [[cell.strip() for cell in line.split("│")] for line in released.stderr.splitlines() if "│" in line]
    assert {row[1]: row[3] for row in rows if row[1]} == {"0": "0", "1": "0", "7": "0"}
    verdicts = " ".join(row[5] for row in rows)  # a narrow table folds its cells
    assert " ".join(verdicts.split()) == "failed (70 images) withheld (40 images) failed (10 images)"
    left_out, withheld = (json.loads(released.stdout)["classes"][label] for label in "01")
    assert (left_out["accepted"], left_out["reason"]) == (70, "left out by --class")
    assert (withheld["accepted"], withheld["verdict"]) == (40, "withheld")


def test_release_ends_the_run_and_leaves_no_release_of_nothing(steps: Steps) -> None:
    outputs = steps.job.parent / "outputs" / "tiny"
    assert not (outputs / "latest").exists()
    runs = sorted((outputs / "runs").iterdir())
    assert len(runs) == 1
    record = read_json(runs[0] / "run.json")
    assert record["ending"] == "failed" and record["state"].startswith("Failed: no class ships")
    [night] = (outputs / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(night)["ending"] == "failed"
    assert json.loads(night)["verdicts"] == {"0": "failed", "1": "withheld", "7": "failed"}
    assert f"Report       {runs[0]}/report.html" in steps.said["released"].stderr
