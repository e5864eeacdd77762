"""`dcgan report`: what a release came to, and its report, opened or written anew."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dcgan.cli.releases import report
from dcgan.errors import ReleaseError, StorageError
from dcgan.release.publish import publish
from dcgan.run import history
from tests.conftest import DCGAN
from tests.reports import past_night
from tests.samples import tree_hash
from tests.unit.conftest import CAT, SCRIPT, make_run


@pytest.fixture
def release(tmp_path: Path) -> Path:
    made = make_run(tmp_path, {CAT: "withheld"})
    publish(made.run, made.config, made.outcome)
    history.append(made.run.job, past_night(1))
    return made.run.job.latest


def test_verdicts_and_place_are_told(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(release, None, in_browser=False, as_json=False) == 0
    told = capsys.readouterr().out
    assert f"{SCRIPT}: 5 synthetic, shipped" in told and f"{CAT}: 0 synthetic, withheld (3 images)" in told
    assert f"Report: {release.resolve() / 'report.html'}" in told
    assert report(release, None, in_browser=False, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["format"] == 2


def test_report_written_anew_has_the_nights_since_and_the_release_is_as_it_was(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree_hash(release.resolve())
    assert "20260101-020000" not in (release / "report.html").read_text(encoding="utf-8")
    out = tmp_path / "new" / "report.html"
    assert report(release, out, in_browser=False, as_json=False) == 0
    assert f"Report: {out}" in capsys.readouterr().out
    assert "20260101-020000" in out.read_text(encoding="utf-8")
    assert tree_hash(release.resolve()) == before


def test_report_cannot_be_written_anew_without_the_run(release: Path, tmp_path: Path) -> None:
    shutil.rmtree(release.parent / "runs")
    with pytest.raises(ReleaseError, match=r"is gone, .*The release has its report as of its night"):
        report(release, tmp_path / "report.html", in_browser=False, as_json=False)


def test_report_that_cannot_be_written_is_an_error(release: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        report(release, tmp_path / "taken" / "report.html", in_browser=False, as_json=False)


@pytest.mark.parametrize("status", [0, 1])
def test_open_hands_the_report_to_the_browser(release: Path, tmp_path: Path, status: int) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\nexit {status}\n')
    browser.chmod(0o755)
    done = subprocess.run(
        [*DCGAN, "report", str(release), "--open"],
        env=os.environ | {"BROWSER": f"{browser} %s"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    file = release.resolve() / "report.html"
    assert (tmp_path / "opened").read_text().strip() == file.as_uri()
    assert ("No browser was found here" in done.stderr) == (status == 1)
