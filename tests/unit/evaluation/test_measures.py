"""All measures of a run: from real files, class by class, once; few images give a reason and no value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.jobs import put_generated
from dcgan.config import ResolvedJob
from dcgan.data import leakage
from dcgan.errors import StageError
from dcgan.evaluation import measures
from dcgan.evaluation.measures import measure
from dcgan.evaluation.metrics import METRICS
from dcgan.evaluation.metrics.base import Measured, Metric
from dcgan.evaluation.metrics.subject import Subject
from dcgan.networks.classifier import train_judge
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import FeatureSpaceRecord, MeasuresRecord
from tests.conftest import split_run, write_digits
from tests.records import changed
from tests.unit.evaluation.conftest import Normal, subject


def ignore(_: Any) -> None:
    """Nobody watches."""


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, ResolvedJob]:
    """Classes of many, few and too few images, of which 0 copies its training images."""
    write_digits(tmp_path / "images", {0: 100, 1: 100, 4: 14, 7: 60})
    data = {"source": str(tmp_path / "images"), "holdout": 0.4}
    run, job = split_run(tmp_path, data=data, gate={"classifier_steps": 60})
    train_judge(run, job, ignore)
    copies = np.load(run.train_images("0"))
    put_generated(run, "0", np.clip(copies[:40].astype(int) + 3, 0, 255).astype(np.uint8))
    put_generated(run, "1", np.load(run.train_images("1"))[:, :, ::-1][:40])
    put_generated(run, "4", np.load(run.train_images("4"))[:2])
    return run, job


def test_every_class_with_images_is_measured_by_every_metric(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    record = measure(run, job, ignore)
    assert records.read(run.measures, MeasuresRecord) == record and list(record.classes) == ["0", "1", "4"]
    assert record.features == FeatureSpaceRecord(name="judge", dimensions=128)
    assert record.synthetic == {"0": 40, "1": 40, "4": 2}
    names = [metric.name for metric in METRICS]
    for measured in (record.overall, *record.classes.values()):
        assert list(measured) == names
        for metric in METRICS:
            found = measured[metric.name]
            assert found.value is not None or found.note
            if found.value is not None:
                assert metric.low is None or found.value >= metric.low
                assert metric.high is None or found.value <= metric.high
                assert found.error is not None and found.error >= 0
    copied = record.classes["0"]
    assert copied["variety"].value == pytest.approx(copied["variety"].ceiling, abs=0.1)
    assert copied["authenticity"].value < 0.1 < copied["authenticity"].ceiling
    assert copied["c_t"].value < -3 < copied["c_t"].ceiling
    assert copied["frechet"].note.endswith("fewer than the 128 dimensions of the features")
    few = record.classes["4"]
    assert few["kid"].note == "2 images, at least 4 are needed"
    assert few["gan_test"].value is not None
    assert record.overall["c_t"].note == "without 1 of 3 classes"


def test_it_is_measured_once_and_anew_when_more_is_generated(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    first = measure(run, job, ignore)
    before = run.measures.stat().st_mtime_ns
    assert measure(run, job, ignore) == first and run.measures.stat().st_mtime_ns == before
    put_generated(run, "7", np.load(run.train_images("7"))[:9])
    measure(run, job, ignore)
    assert records.read(run.measures, MeasuresRecord).synthetic == {"0": 40, "1": 40, "4": 2, "7": 9}
    assert run.measures.stat().st_mtime_ns != before


def test_nothing_generated_is_told(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 20, 1: 20})
    run, job = split_run(tmp_path)
    with pytest.raises(StageError, match="nothing to measure"):
        measure(run, job, ignore)


def test_same_run_gives_the_same_figures(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    first = measure(run, job, ignore)
    run.measures.write_text("{", encoding="utf-8")  # a damaged record is made again
    again = measure(run, job, ignore)
    assert (again.overall, again.classes) == (first.overall, first.classes)
    assert records.read(run.measures, MeasuresRecord) == again


def test_one_more_metric_changes_no_others_values(
    prepared: tuple[Run, ResolvedJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = prepared
    before = measure(run, job, ignore)

    def toss(of: Subject) -> Measured:
        return Measured(of.draws("novel").random())

    novel = Metric(name="novel", title="Novel", says="", goal="maximize", low=0.0, high=1.0, measure=toss, pooled=True)
    monkeypatch.setattr(measures, "METRICS", (novel, *reversed(METRICS)))
    run.measures.unlink()
    after = measure(run, job, ignore)
    for found, of_before in (
        (after.overall, before.overall),
        *zip(after.classes.values(), before.classes.values(), strict=True),
    ):
        assert found.pop("novel").value is not None
        assert found == of_before


def test_held_out_images_that_are_near_duplicates_do_not_count(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    record = leakage.audit(run)
    total = len(np.load(run.holdout_images("0")))
    leaks = changed(record.classes["0"], holdout_rows=list(range(total - 3)))
    records.write(run.leakage, changed(record, classes=record.classes | {"0": leaks}))
    measured = measure(run, job, ignore).classes["0"]
    assert measured["kid"].note == "3 images, at least 4 are needed"
    assert measured["gan_train"].value is not None and measured["authenticity"].value is not None


def test_real_images_in_the_place_of_synthetic_ones_reach_all_ceilings(
    normal: Normal,
) -> None:
    of_features = [one for one in METRICS if one.name not in ("variety", "gan_train", "gan_test")]
    points = subject(normal(150), normal(150), normal(150))
    for metric in of_features:
        one, name = metric.measure(points), metric.name
        assert one.value is not None and one.error is not None and one.ceiling is not None
        # Both are draws of the same: they differ by their errors.
        assert one.value == pytest.approx(one.ceiling, abs=5 * one.error), name


@pytest.mark.parametrize(("train", "synthetic"), [(20, 400), (400, 20)])
def test_ceiling_is_of_as_many_images_as_the_value(normal: Normal, train: int, synthetic: int) -> None:
    compared = [one for one in METRICS if one.name in ("frechet", "manifold_recall", "coverage")]
    values: list[Any] = []
    ceilings: list[Any] = []
    for seed in range(20):
        points = subject(normal(train), normal(100), normal(synthetic), seed=seed)
        measured = [metric.measure(points) for metric in compared]
        values.append([one.value for one in measured])
        ceilings.append([one.ceiling for one in measured])
    np.testing.assert_allclose(np.mean(values, axis=0), np.mean(ceilings, axis=0), rtol=0.1)
