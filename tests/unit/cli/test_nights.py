"""`dcgan history`: by job file or by folder, for people and for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dcgan.cli.history import show
from dcgan.errors import ConfigError
from dcgan.run import history
from dcgan.run.paths import JobFolder
from tests.unit.run.test_history import night

STATE = "Completed: 1 class withheld ([bold]cat[/bold])"


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "outputs" / "signs")
    (tmp_path / "job.yaml").write_text("name: signs\ndata: {source: images}\n")
    verdicts = {"a": "shipped", "b": "withheld", "c": "failed", "d": "none"}
    history.append(job, night(1, state="Failed: no class ships"))
    history.append(
        job,
        night(2, released=1234, verdicts=verdicts, accuracy_without=0.5, accuracy_with=0.625, state=STATE),
    )
    return job


def test_nights_are_a_table(job: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(job.root, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    [first] = [line for line in lines if "20260101-020000" in line]
    [second] = [line for line in lines if "20260102-020000" in line]
    assert "Failed: no class" in first and first.count("–") == 2
    cells = ["20260102-020000", "2026-01-02 04:00", "2 h 00 min", "1,234", "1 of 3", "50.0%", "62.5%", STATE]
    assert re.split(r"\s{2,}", second.strip()) == cells


def test_narrow_terminal_has_whole_words(
    job: JobFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard output for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    assert show(job.root, as_json=False) == 0
    told = capsys.readouterr().out
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", told).splitlines())) <= 80
    for word in ("20260102-020000", "2 h 00 min", "1 of 3", "62.5%", "withheld"):
        assert word in told


def test_job_file_and_folder_name_the_same_job(job: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for path in (job.root, job.root.parents[1] / "job.yaml"):
        assert show(path, as_json=True) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["job"] == "signs"
    assert [each["released"] for each in told[0]["nights"]] == [0, 1234]
    assert told[0]["nights"][1]["seconds"] == 7200


def test_job_without_a_finished_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "signs" / "runs").mkdir(parents=True)
    assert show(tmp_path / "signs", as_json=False) == 0
    assert "No run of job signs has finished yet" in capsys.readouterr().out


def test_folder_of_no_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a job file, or a job's folder of outputs"):
        show(tmp_path, as_json=False)
