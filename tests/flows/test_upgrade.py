"""Outputs of an earlier version: their release is verified and read, and the next run adds to them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from dcgan import load_release
from tests.conftest import write_digits
from tests.shell import Dcgan

FIXTURE = Path(__file__).parents[1] / "fixtures" / "outputs-format-1.tar.xz"
JOB = {
    "name": "tiny",
    "data": {"source": "images", "holdout": 0.4},
    "generation": {"per_class": 6},
    "training": {
        "preset": "quick", "base_steps": 200, "class_steps": 60, "width": 8, "latent_dim": 4, "batch_size": 16,
        "log_steps": 10,
    },
    "gate": {"policy": "report", "classifier_steps": 20, "classifier_seeds": 2},
    "outputs": {"root": "outputs"},
    "run": {"processes": 1, "threads": 1},
}  # fmt: skip


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    """A job whose outputs are an earlier version's: a finished run with its release, and an interrupted one."""
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(JOB), encoding="utf-8")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path / "outputs", filter="data")
    return tmp_path / "job.yaml"


def nights(dcgan: Dcgan, job_file: Path) -> list[str]:
    """The finished runs, by id."""
    done = dcgan("history", job_file, "--json")
    return [night["run_id"] for night in json.loads(done.stdout)["nights"]]


def test_outputs_of_an_earlier_version_are_read_and_added_to(dcgan: Dcgan, lasting: Dcgan, job_file: Path) -> None:
    of_job = job_file.parent / "outputs" / "tiny"
    before = (of_job / "latest").resolve()
    content = {path.relative_to(before): path.read_bytes() for path in before.rglob("*") if path.is_file()}
    assert dcgan("verify", of_job / "latest").returncode == 0
    images, labels = load_release(str(before), verify=True).arrays()
    assert images.shape == (12, 8, 8, 1) and sorted(set(labels.tolist())) == [0, 1]
    assert dcgan("report", of_job / "latest").returncode == 0
    assert nights(dcgan, job_file) == [before.name]

    done = lasting("run", job_file, "--json")
    assert done.returncode in (0, 3), done.stderr
    now = json.loads(done.stdout)["run_id"]
    (interrupted,) = {path.name for path in (of_job / "runs").iterdir()} - {before.name, now}
    assert f"Run {interrupted} was interrupted and is not resumed: an earlier version" in done.stderr
    assert nights(dcgan, job_file) == [before.name, now]
    assert {path: (before / path).read_bytes() for path in content} == content, "the earlier release is as it was"
