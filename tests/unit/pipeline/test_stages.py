"""What ships is published; what does not is told why, where it can be looked at."""

from __future__ import annotations

from pathlib import Path

from dcgan.config import parse_job
from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.files import storage
from dcgan.pipeline import stages
from dcgan.run.paths import Run
from tests.unit.conftest import CAT, SCRIPT, UP, make_run


def test_run_of_which_something_ships_has_its_report_in_its_release(tmp_path: Path) -> None:
    made = make_run(tmp_path, {CAT: "withheld"})
    summary = stages.release(made.run, made.config, made.outcome)
    assert summary["report"] == str(Path(summary["release"]) / "report.html")
    assert Path(summary["report"]).is_file() and not made.run.report.exists()


def test_run_of_which_nothing_ships_has_its_report_in_its_folder(tmp_path: Path) -> None:
    made = make_run(tmp_path, dict.fromkeys((CAT, SCRIPT, UP), "withheld"))
    summary = stages.release(made.run, made.config, made.outcome)
    assert (summary["release"], summary["latest"], summary["report"]) == (None, None, str(made.run.report))
    assert "Nothing to train on" in made.run.report.read_text(encoding="utf-8")
    assert not made.run.job.releases.exists() and not made.run.job.latest.exists()


def test_shards_of_a_large_class_are_dealt_out_in_tasks_that_are_not_long(tmp_path: Path) -> None:
    run = Run(tmp_path)

    def dealt(processes: int, num_wanted: int) -> list[int]:
        values = {"name": "t", "data": {"source": "x"}, "run": {"processes": processes, "threads": 1}}
        return [len(some) for some in stages.shards(run, parse_job(values, where="test"), "cat", num_wanted)]

    assert dealt(2, SHARDS_MIN * PART - 1) == dealt(1, 100 * PART) == []
    assert dealt(2, 9 * PART) == [5, 4] and dealt(3, 8 * PART) == [3, 3, 2] and dealt(16, 8 * PART) == [1] * 8
    assert dealt(2, 24 * PART) == [8, 8, 8]
    storage.write_json(run.generation("cat") / "record.json", {})
    assert dealt(2, 9 * PART) == []
