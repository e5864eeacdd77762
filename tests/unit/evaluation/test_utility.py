"""Classifiers on real digits: measured once, and anew when there are other synthetic images or another share."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks.jobs import put_generated
from dcgan import storage
from dcgan.config import JobConfig
from dcgan.errors import ConfigError
from dcgan.evaluation.sets import ARMS, load_sets, num_synthetic
from dcgan.evaluation.share import STRENGTHS, choose, synthetic_share
from dcgan.evaluation.utility import Arm, Classifiers, measure, try_folds
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
    put_generated(run, label, np.load(run.train_images(label))[:count])


def test_a_seed_is_measured_once(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    [told] = measure(run, job, [0], ignore).values()
    assert set(told) == set(ARMS) and all(0 <= value <= 1 for value in told.values())
    before = run.utility(0).stat().st_mtime_ns
    assert measure(run, job, [0], ignore) == {"0": told}
    assert run.utility(0).stat().st_mtime_ns == before


def test_a_seed_is_measured_anew_when_more_was_generated_or_another_share_was_chosen(
    prepared: tuple[Run, JobConfig],
) -> None:
    run, job = prepared
    generate(run, "0", 4)
    measure(run, job, [0], ignore)
    generate(run, "1", 7)
    measure(run, job, [0], ignore)
    assert storage.unpack_arrays(run.utility(0).read_bytes())["synthetic"].tolist() == [4, 7]
    storage.write_json(run.share_record, {"chosen": 0.25, "tried": {}})
    measure(run, job, [0], ignore)
    assert storage.unpack_arrays(run.utility(0).read_bytes())["strength"] == 0.25


def test_bytes_are_the_same_whichever_seeds_a_process_did_before(tmp_path: Path) -> None:
    """So that runs of other numbers of processes agree, and a run that goes on with the seeds that are left."""
    write_digits(tmp_path / "images", {3: 40, 5: 40, 8: 40, 9: 40})
    run, job = split_run(tmp_path, gate={"classifier_steps": 3})  # classifiers that still make errors
    storage.write_json(run.share_record, {"chosen": 0.5, "tried": {}})
    generate(run, "3", 6)
    told: list[Progress] = []
    measure(run, job, [0, 1, 2], told.append)
    try_folds(run, job, range(FOLDS), ignore)
    files = [*map(run.utility, range(3)), *map(run.share, range(FOLDS))]
    together = [file.read_bytes() for file in files]
    assert len(set(together)) == 6
    assert [report["done"] for report in told] == [3 * number for number in range(1, 13)]
    assert {report["total"] for report in told} == {36}
    files[1].unlink()
    measure(run, job, [0, 1], ignore)
    try_folds(run, job, [2], ignore)
    for file in files[:3]:
        file.unlink()
    for number in (2, 0, 1):
        measure(run, job, [number], ignore)
    assert [file.read_bytes() for file in files] == together


def test_mixup_goes_with_classical_augmentation_on_both_sides(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 6)

    def weights(mixup: bool) -> dict[str, bytes]:
        gate = job.gate.model_copy(update={"mixup": mixup})
        sets = load_sets(run)
        classifiers = Classifiers(job.model_copy(update={"gate": gate}), sets)
        found = {}
        for classical, synthetic in ((False, False), (True, False), (True, True)):
            pools, of_class = (sets.synthetic, [0.5, 0.0]) if synthetic else (None, None)
            arm = Arm(sets.real, pools, of_class, classical)
            classifiers.recognised("test", {"arm": arm}, sets.real, ignore)
            model = classifiers._trainer(classical).model
            found[f"{classical} {synthetic}"] = b"".join(array.tobytes() for array in model.get_weights())
        return found

    without, with_mixup = weights(mixup=False), weights(mixup=True)
    assert [arm for arm in without if without[arm] != with_mixup[arm]] == ["True False", "True True"]


def test_class_that_is_short_takes_no_part(prepared: tuple[Run, JobConfig]) -> None:
    run, _ = prepared
    generate(run, "0", 6)
    storage.write_json(run.generation("1") / "record.json", {"accepted": 3, "short": True})
    assert num_synthetic(run) == {"0": 6}
    assert load_sets(run).counts.tolist() == [6, 0]


def test_folds_try_every_training_image_once_and_choose_a_share(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 6)
    told = try_folds(run, job, range(FOLDS), ignore)
    assert list(told) == ["0", "1", "2"]
    assert all(set(of_fold) == {f"{strength:g}" for strength in STRENGTHS} for of_fold in told.values())
    tried = np.concatenate([storage.unpack_arrays(run.share(fold).read_bytes())["truth"] for fold in range(FOLDS)])
    assert np.bincount(tried).tolist() == [len(images) for images in load_sets(run).real]
    record = choose(run)
    assert record["chosen"] in STRENGTHS[1:] and set(record["tried"]) == {"0", "0.25", "0.5", "0.75"}
    before = run.share(0).stat().st_mtime_ns
    try_folds(run, job, [0], ignore)
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
    try_folds(run, job, [1], ignore)
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

    told = measure(run, with_classifier(f"{__name__}:users_model"), [0], ignore)
    assert told["0"]["real+classical"] > 0.8
    with pytest.raises(ConfigError, match=r"no_such.*module:function"):
        measure(run, with_classifier(f"{__name__}:no_such"), [1], ignore)
    with pytest.raises(ConfigError, match=r"expected a keras.Model of input and output"):
        measure(run, with_classifier("keras:Sequential"), [1], ignore)
