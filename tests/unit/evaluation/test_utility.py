"""Classifiers on real digits: measured once, and anew when there are other synthetic images or another share."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan import storage
from dcgan.config import JobConfig
from dcgan.errors import ConfigError
from dcgan.evaluation.sets import ARMS, load_sets
from dcgan.evaluation.share import STRENGTHS, choose, synthetic_share
from dcgan.evaluation.utility import measure, try_fold
from dcgan.paths import Run
from dcgan.progress import Progress
from dcgan.split import FOLDS
from tests.conftest import split_run, write_digits

NUM_CLASSES = 2


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, JobConfig]:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    run, job = split_run(tmp_path, gate={"classifier_steps": 20})
    storage.write_json(run.share_record, {"chosen": 0.5, "tried": {}})
    return run, job


def generate(run: Run, label: str, count: int) -> None:
    """Real images of the class, in place of synthetic ones, each the nearest to itself."""
    split = pd.read_parquet(run.split_table)
    paths = split[(split["label"] == label) & (split["split"] == "train")].sort_values("row")["path"].to_list()
    for number, image in enumerate(np.load(run.train_images(label))[:count, ..., 0]):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        storage.write_bytes(run.generation(label) / "images" / f"{number}.png", file.getvalue())
    rows = pd.DataFrame({"image_id": [str(n) for n in range(count)], "nearest_real_path": paths[:count]})
    rows.to_parquet(run.generation(label) / "rows.parquet")
    storage.write_json(run.generation(label) / "record.json", {"accepted": count})


def test_a_seed_is_measured_once(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    told = measure(run, job, 0, ignore)
    assert set(told) == set(ARMS) and all(0 <= value <= 1 for value in told.values())
    before = run.utility(0).stat().st_mtime_ns
    assert measure(run, job, 0, ignore) == told
    assert run.utility(0).stat().st_mtime_ns == before


def test_a_seed_is_measured_anew_when_more_was_generated_or_another_share_was_chosen(
    prepared: tuple[Run, JobConfig],
) -> None:
    run, job = prepared
    generate(run, "0", 4)
    measure(run, job, 0, ignore)
    generate(run, "1", 7)
    measure(run, job, 0, ignore)
    assert storage.unpack_arrays(run.utility(0).read_bytes())["synthetic"].tolist() == [4, 7]
    storage.write_json(run.share_record, {"chosen": 0.25, "tried": {}})
    measure(run, job, 0, ignore)
    assert storage.unpack_arrays(run.utility(0).read_bytes())["strength"] == 0.25


def test_folds_try_every_training_image_once_and_choose_a_share(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 6)
    for fold in range(FOLDS):
        assert set(try_fold(run, job, fold, ignore)) == {f"{strength:g}" for strength in STRENGTHS}
    tried = np.concatenate([storage.unpack_arrays(run.share(fold).read_bytes())["truth"] for fold in range(FOLDS)])
    assert np.bincount(tried).tolist() == [len(images) for images in load_sets(run).real]
    record = choose(run)
    assert record["chosen"] in STRENGTHS[1:] and set(record["tried"]) == {"0", "0.25", "0.5", "0.75"}
    before = run.share(0).stat().st_mtime_ns
    try_fold(run, job, 0, ignore)
    assert run.share(0).stat().st_mtime_ns == before


def test_copies_of_an_image_do_not_speak_for_it(
    prepared: tuple[Run, JobConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = prepared
    generate(run, "0", 9)
    from dcgan.evaluation import utility  # noqa: PLC0415

    pools = []
    real_batches = utility.Batches

    def watched(real: list[np.ndarray], **keywords: object) -> object:
        pools.append((real, keywords["synthetic"]))
        return real_batches(real, **keywords)

    monkeypatch.setattr(utility, "Batches", watched)
    try_fold(run, job, 1, ignore)
    whole = load_sets(run).real[0]
    left_out = {image.tobytes() for image in whole[1::FOLDS]}
    real, synthetic = pools[0]
    assert len(real[0]) == len(whole) - len(left_out)
    assert len(synthetic[0]) == 6, "a third of the nine copies is of images that are tried"
    assert not left_out & {image.tobytes() for image in (*real[0], *synthetic[0])}


def test_of_equally_good_shares_the_smallest_is_chosen_and_none_is_no_share(prepared: tuple[Run, JobConfig]) -> None:
    run, _ = prepared
    truth = np.array([0, 0, 1, 1])
    good, bad = np.array([True, True, True, False]), np.array([True, False, False, False])
    for fold in range(FOLDS):
        arrays = {"0": truth >= 0, "0.25": bad, "0.5": good, "0.75": good, "truth": truth}
        storage.write_bytes(run.share(fold), storage.pack_arrays(arrays))
    assert choose(run) == {"chosen": 0.5, "tried": {"0": 1.0, "0.25": 0.25, "0.5": 0.75, "0.75": 0.75}}


@pytest.mark.parametrize(("num_real", "num_synthetic", "share"), [(20, 380, 0.475), (300, 100, 0.125), (20, 0, 0.0)])
def test_the_rarer_a_class_the_larger_the_synthetic_share(num_real: int, num_synthetic: int, share: float) -> None:
    assert synthetic_share(num_real, num_synthetic, 0.5) == pytest.approx(share)


def users_model() -> keras.Model:
    """A user's classifier: values from 0 to 255 in, softmax out."""
    image = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(NUM_CLASSES, activation="softmax")(x))


def test_the_users_own_classifier_is_what_is_trained(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)

    def with_classifier(path: str) -> JobConfig:
        gate = job.gate.model_copy(update={"classifier": path, "classifier_steps": 300})
        return job.model_copy(update={"gate": gate})

    told = measure(run, with_classifier(f"{__name__}:users_model"), 0, ignore)
    assert told["real+classical"] > 0.8
    with pytest.raises(ConfigError, match=r"no_such.*module:function"):
        measure(run, with_classifier(f"{__name__}:no_such"), 1, ignore)
    with pytest.raises(ConfigError, match=r"expected a keras.Model of input and output"):
        measure(run, with_classifier("keras:Sequential"), 1, ignore)
