"""What a run leaves tells how long the next would take, and nothing is timed again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dcgan.config import ResolvedJob, load_job, parse_resolved
from dcgan.files import storage
from dcgan.pipeline.duration import conditions, estimate, learn, rates_of_earlier_runs, work_of
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from dcgan.run.records import Change, FingerprintsRecord, Rates, SplitRecord, TrainingRecord
from tests.conftest import Finished
from tests.records import changed

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> tuple[Run, ResolvedJob]:
    """The finished run, to be changed, and its job, whose outputs are the copy's."""
    root = finished.run.parents[2]
    shutil.copytree(root, tmp_path / "outputs", symlinks=True)
    run = Run(tmp_path / "outputs" / Path(finished.run).relative_to(root))
    job = parse_resolved(storage.read_json(run.config), where="test")
    return run, job.model_copy(update={"outputs": job.outputs.model_copy(update={"root": str(tmp_path / "outputs")})})


def test_run_would_take_as_long_again(finished: Finished) -> None:
    run = Run(finished.run)
    job = parse_resolved(storage.read_json(run.config), where="test")
    rates, split = records.read(run.rates, Rates), records.read(run.split_record, SplitRecord)
    assert rates.run_id == run.id and rates.conditions == conditions(job, split.image_shape)
    again = estimate(job, work_of(job, make_plan(job, split)), rates).seconds
    took = finished.summary["seconds"]
    assert again == pytest.approx({stage: took[stage] for stage in again}, abs=0.2) and len(again) == 4
    # So few steps may be done before the first tenth of a second.
    assert 0 < rates.image < 0.5 and 0 <= rates.class_step < 0.5 and 0 < rates.start < 60


def test_check_knows_it_and_an_unchanged_night_takes_nothing(finished: Finished, dcgan: Dcgan) -> None:
    done = dcgan("check", finished.job_file, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["estimated_seconds"] == {}
    done = dcgan("check", finished.job_file)
    assert "Time        nothing to train or to measure" in done.stderr and "Timing" not in done.stderr
    done = dcgan("check", finished.job_file, "--set", "training.class_steps=80", "--json")
    assert "Timing" not in done.stderr
    told = json.loads(done.stdout)["estimated_seconds"]
    assert set(told) == {"shared base", "training and generation", "evaluation"}  # the judge stands
    done = dcgan("run", finished.job_file, "--dry-run", "--fresh")
    assert f"as run {finished.summary['run_id']} took" in done.stderr and "Timing" not in done.stderr


def test_other_jobs_beside_it_tell_too_if_the_networks_are_the_same(finished: Finished) -> None:
    rates, job = records.read(Run(finished.run).rates, Rates), load_job(finished.job_file)
    other = job.model_copy(update={"name": "other"})
    assert rates_of_earlier_runs(other, rates.conditions) == rates
    assert rates_of_earlier_runs(other, changed(rates.conditions, width=rates.conditions.width + 1)) is None
    assert rates_of_earlier_runs(other, changed(rates.conditions, processor="another")) is None


def test_what_a_night_took_over_keeps_the_rates_of_before(copied: tuple[Run, ResolvedJob]) -> None:
    run, job = copied
    before = records.read(run.rates, Rates)
    later = Run(run.root.with_name("29991231-000000"))
    shutil.copytree(run.root, later.root)
    later.rates.unlink()
    found = records.read(later.fingerprints, FingerprintsRecord)
    kept = dict.fromkeys(found.changes, Change.KEPT)
    records.write(later.fingerprints, changed(found, changes=kept, taken_over=("judge",)))
    learn(later, job, {"judge": 9.0, "training and generation": 0.1, "evaluation": before.start + 100.0})
    now = records.read(later.rates, Rates)
    assert now.classifier_step > before.classifier_step
    assert changed(now, run_id=before.run_id, classifier_step=before.classifier_step) == before


def test_where_nothing_is_known_a_night_that_did_not_do_all_tells_nothing(copied: tuple[Run, ResolvedJob]) -> None:
    run, job = copied
    run.rates.unlink()
    seconds = {"judge": 10.0, "shared base": 10.0, "training and generation": 20.0, "evaluation": 10.0}
    found = records.read(run.fingerprints, FingerprintsRecord)
    records.write(run.fingerprints, changed(found, taken_over=("evaluation",)))
    learn(run, job, seconds)
    assert not run.rates.exists()
    records.write(run.fingerprints, found)
    learn(run, job, seconds)
    assert run.rates.exists()


def test_even_the_shortest_work_tells(copied: tuple[Run, ResolvedJob]) -> None:
    run, job = copied
    learn(run, job, {"judge": 0.2, "shared base": 0.1, "training and generation": 0.5, "evaluation": 0.3})
    assert 0 < records.read(run.rates, Rates).classifier_step < 0.01


def test_steps_that_were_not_needed_are_not_expected(copied: tuple[Run, ResolvedJob]) -> None:
    run, job = copied
    for label in ("0", "1"):
        file = run.training(label) / "record.json"
        record = records.read(file, TrainingRecord)
        records.write(file, changed(record, steps=job.training.class_steps // 2, seconds=4.0))
    learn(run, job, {"judge": 10.0, "shared base": 10.0, "training and generation": 20.0, "evaluation": 10.0})
    rates = records.read(run.rates, Rates)
    assert rates.class_share == 0.5 and rates.class_step == pytest.approx(8.0 / job.training.class_steps)
