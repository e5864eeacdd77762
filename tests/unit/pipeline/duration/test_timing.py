"""A few steps of a job's own networks are timed in real processes, and leave nothing."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.conftest import write_job
from tests.samples import tree_hash

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


def test_check_times_steps_where_no_run_tells_and_writes_nothing(tmp_path: Path, lasting: Dcgan) -> None:
    job = write_job(tmp_path)
    before = tree_hash(tmp_path)
    done = lasting("check", job, "--json")
    assert done.returncode == 0 and "Timing a few steps on this machine" in done.stderr
    told = json.loads(done.stdout)["estimated_seconds"]
    assert set(told) == {"judge", "shared base", "training and generation", "evaluation"}
    assert all(0 < seconds < 300 for seconds in told.values())
    assert tree_hash(tmp_path) == before and not list(Path(tempfile.gettempdir()).glob("dcgan-timing-*"))


def test_without_timing_it_is_not_known(tmp_path: Path, dcgan: Dcgan) -> None:
    job = write_job(tmp_path)
    done = dcgan("check", job, "--no-timing")
    assert done.returncode == 0 and "Timing" not in done.stderr and "Time        not known" in done.stderr
    assert json.loads(dcgan("check", job, "--no-timing", "--json").stdout)["estimated_seconds"] is None


def test_init_says_how_long_each_preset_takes(tmp_path: Path, lasting: Dcgan) -> None:
    write_job(tmp_path)
    settings = [f"training.{key}={value}" for key, value in {"width": 8, "base_steps": 90000, "base": "true"}.items()]
    done = lasting(
        "init", tmp_path / "images", "--out", tmp_path / "new.yaml",
        *(part for setting in settings for part in ("--set", setting)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "new.yaml").read_text(encoding="utf-8")
    for preset in ("quick", "standard", "thorough"):
        assert f"# {preset}: " in text
    assert text.count("a first run takes about ") == 3
    assert yaml.safe_load(text)["training"] == {"width": 8, "base_steps": 90000, "base": True, "preset": "standard"}


def test_classifier_that_cannot_be_built_is_refused_before_the_run(tmp_path: Path, lasting: Dcgan) -> None:
    job = write_job(tmp_path)
    done = lasting("check", job, "--set", "gate.classifier=nowhere:build")
    assert done.returncode == 2 and "gate.classifier nowhere:build" in done.stderr
