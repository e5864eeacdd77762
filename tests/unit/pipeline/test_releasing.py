"""What ships is published; what does not leaves its reasons where they can be looked at."""

from __future__ import annotations

from pathlib import Path

from dcgan.pipeline import releasing
from tests.unit.conftest import CAT, SCRIPT, UP, make_run


def test_run_of_which_something_ships_has_its_report_in_its_release(tmp_path: Path) -> None:
    made = make_run(tmp_path, {CAT: "withheld"})
    result = releasing.release(made.run, made.config, made.outcome)
    assert result.release is not None and result.report == str(Path(result.release) / "report.html")
    assert Path(result.report).is_file() and not made.run.report.exists()


def test_run_of_which_nothing_ships_has_its_report_in_its_folder(tmp_path: Path) -> None:
    made = make_run(tmp_path, dict.fromkeys((CAT, SCRIPT, UP), "withheld"))
    result = releasing.release(made.run, made.config, made.outcome)
    assert (result.release, result.latest, result.report) == (None, None, str(made.run.report))
    assert "Nothing to train on" in made.run.report.read_text(encoding="utf-8")
    assert not made.run.job.releases.exists() and not made.run.job.latest.exists()
