"""Real training of tiny networks: what the watchdogs do, what is left behind, and what ends a training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan.config import ResolvedJob
from dcgan.data import split
from dcgan.errors import TrainingError
from dcgan.execution.progress import Progress
from dcgan.networks import classifier
from dcgan.run.paths import Run
from dcgan.run.records import Stopped, TrainingRecord
from dcgan.training import policy, watch
from dcgan.training.precision import choose_precision
from dcgan.training.score import AS_GOOD
from dcgan.training.stage import train_class
from tests.conftest import split_run, write_digits

Train = Callable[..., tuple[TrainingRecord, Path]]

SMALL = {
    "preset": "quick",
    "base": False,
    "width": 8,
    "latent_dim": 8,
    "batch_size": 16,
    "log_steps": 5,
    "precision": "float32",
}


def ignore(_: Progress) -> None:
    """Nobody watches."""


def prepared(root: Path, training: dict[str, Any]) -> tuple[Run, ResolvedJob]:
    """A run up to where its classes are trained."""

    def change(job: ResolvedJob) -> ResolvedJob:
        # Past the job file's bounds: some tests want learning rates that no one may ask for.
        return job.model_copy(update={"training": job.training.model_copy(update=training)})

    run, job = split_run(root, change, training=SMALL, gate={"classifier_steps": 50})
    classifier.train_judge(run, job, ignore)
    choose_precision(run, job.training, split.image_shape(run))
    return run, job


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train class 0 of real digits; gives the record and the training's folder."""

    def run(max_seconds: float | None = None, **training: Any) -> tuple[TrainingRecord, Path]:
        root = tmp_path_factory.mktemp("training")
        write_digits(root / "images", {0: 60, 1: 50})
        opened, job = prepared(root, training)
        return train_class(opened, job, "0", max_seconds, ignore), opened.training("0")

    return run


@pytest.fixture(scope="module")
def trained(train: Train) -> tuple[TrainingRecord, Path]:
    return train(class_steps=80, learning_rate=5e-3)


def test_a_diverging_training_goes_back_slows_down_and_finishes(train: Train) -> None:
    record, _ = train(class_steps=60, learning_rate=1e18)  # overflows at first, and no more when halved often enough
    assert [incident.kind for incident in record.incidents] == [watch.DIVERGED] * 3
    assert record.steps > 0


def test_a_training_that_always_diverges_fails_with_its_history(train: Train) -> None:
    with pytest.raises(TrainingError, match=r"diverged once too often: diverged at step 5 .*; diverged at step 5 "):
        train(class_steps=60, learning_rate=1e20)


def test_a_collapse_is_recorded_and_training_begins_again_once(train: Train) -> None:
    record, folder = train(class_steps=60, learning_rate=0.2)  # so fast that all samples become one
    assert [incident.kind for incident in record.incidents] == [watch.COLLAPSED]
    assert record.steps == 60 + record.incidents[0].step
    rows = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    assert {row["branch"] for row in rows} == {0, 1}


def test_a_training_that_collapses_again_fails(train: Train) -> None:
    with pytest.raises(TrainingError, match="collapsed once too often"):
        train(class_steps=20, learning_rate=1e-7)


def test_a_saturated_discriminator_fails_the_class_after_one_more_try(tmp_path: Path) -> None:
    # Noise of black and white pixels: no small generator makes it, every discriminator tells it from grey.
    draws = np.random.default_rng(0)
    for label in "01":
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(60):
            pixels = np.where(draws.random((16, 16)) < 0.5, 255, 0).astype(np.uint8)
            pixels[:8] *= label == "0"
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{number}.png")
    changes = {"class_steps": 200, "width": 16, "log_steps": 10, "learning_rate": 2e-3, "augmentation": ()}
    run, job = prepared(tmp_path, changes)
    with pytest.raises(TrainingError, match=r"saturated once too often: saturated at step \d+ .*; saturated at step"):
        train_class(run, job, "0", None, ignore)


def test_the_best_step_ships_and_the_record_says_which(trained: tuple[TrainingRecord, Path]) -> None:
    record, _ = trained
    enough = min(score.score for score in record.scores) + AS_GOOD
    assert record.shipped_step == max(score.step for score in record.scores if score.score <= enough)
    assert len(record.scores) == 80 / 10


def test_training_stops_when_no_better_step_comes(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PATIENCE_STEPS", 50)
    record, folder = train(class_steps=800, learning_rate=1e3)  # steps so large that it soon gets no better
    assert record.stopped is Stopped.NO_BETTER
    lowest = min(record.scores, key=lambda score: score.score)
    assert len([score for score in record.scores if score.step > lowest.step]) == policy.PATIENCE
    assert record.steps < 800
    assert (folder / "model.npz").exists()


def test_samples_may_get_worse_for_a_while(train: Train) -> None:
    record, _ = train(class_steps=policy.PATIENCE_STEPS, learning_rate=1e3)
    assert record.stopped is Stopped.ALL_DONE


def test_time_that_runs_out_ends_training_cleanly_and_is_recorded(train: Train) -> None:
    record, folder = train(max_seconds=0.0, class_steps=5000)
    assert record.stopped is Stopped.TIME_RAN_OUT
    assert record.steps == SMALL["log_steps"]
    assert (folder / "model.npz").exists()


def test_a_timelapse_of_the_same_latents_is_left(trained: tuple[TrainingRecord, Path]) -> None:
    _, folder = trained
    with Image.open(folder / "timelapse.webp") as timelapse:
        assert getattr(timelapse, "n_frames", 1) == len(list((folder / "samples").iterdir())) == 9
        assert timelapse.size == (8 * 10 + 2, 8 * 10 + 2)


def test_tensorboard_shows_curves_and_samples(trained: tuple[TrainingRecord, Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415 (slow to import)

    _, folder = trained
    events = EventAccumulator(str(folder), size_guidance={"images": 0})
    events.Reload()
    rows = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    for name in ("d_loss", "g_loss", "images_per_second", "memory_mb"):
        scalars = events.Scalars(name)
        assert [event.step for event in scalars] == [row["work"] for row in rows]
        assert [event.value for event in scalars] == pytest.approx([row[name] for row in rows], rel=1e-5)
    assert [event.step for event in events.Images("samples")] == list(range(0, 81, 10))


def test_a_folds_judge_does_not_depend_on_the_images_that_it_leaves_out(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 60, 1: 50})
    run, job = prepared(tmp_path, {})

    def judges() -> list[bytes]:
        return [(run.judge / f"fold-{fold}.npz").read_bytes() for fold in range(split.FOLDS)]

    before, images = judges(), np.load(run.train_images("1"))
    images[0] = 255 - images[0]  # of fold 0
    np.save(run.train_images("1"), images)
    shutil.rmtree(run.judge)
    classifier.train_judge(run, job, ignore)
    assert [one == other for one, other in zip(before, judges(), strict=True)] == [True, False, False]
