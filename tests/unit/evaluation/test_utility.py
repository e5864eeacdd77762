"""Classifiers on real digits: measured once, and anew when there are other synthetic images or another share."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from dcgan.evaluation.share import STRENGTHS, TRIED, choose, synthetic_share

from benchmarks.jobs import put_generated
from dcgan.config import JobConfig
from dcgan.data.split import FOLDS
from dcgan.errors import ConfigError
from dcgan.evaluation.sets import ARMS, compared, compared_with, load_sets, num_synthetic
from dcgan.evaluation.utility import Arm, Classifiers, measure, try_shares
from dcgan.execution.progress import Progress
from dcgan.files import storage
from dcgan.networks.classifier import trainer
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ShareRecord
from tests.conftest import split_run, write_digits
from tests.records import generation_record

NUM_CLASSES = 2


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, JobConfig]:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    run, job = split_run(tmp_path, gate={"classifier_steps": 20})
    records.write(run.share_record, ShareRecord(chosen=0.5))
    return run, job


def generate(run: Run, label: str, count: int) -> None:
    """Real images of the class, in place of synthetic ones, each the nearest to itself."""
    put_generated(run, label, np.load(run.train_images(label))[:count])


def test_a_classifier_is_measured_once(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    told = measure(run, job, range(4), ignore)
    assert list(told) == [0, 1, 2, 3] and all(0 <= share <= 1 for share in told.values())
    before = [run.compared(number).stat().st_mtime_ns for number in range(4)]
    assert measure(run, job, range(4), ignore) == told
    assert [run.compared(number).stat().st_mtime_ns for number in range(4)] == before


def test_what_learns_of_synthetic_images_is_measured_anew_when_they_or_the_share_change(
    prepared: tuple[Run, JobConfig],
) -> None:
    run, job = prepared
    generate(run, "0", 4)
    [without, *_], [with_them, *_] = (compared_with(2, synthetic=synthetic) for synthetic in (False, True))

    def measured() -> tuple[int, dict[str, np.ndarray]]:
        measure(run, job, [without, with_them], ignore)
        arrays = storage.unpack_arrays(run.compared(with_them).read_bytes())
        return run.compared(without).stat().st_mtime_ns, arrays

    before, _ = measured()
    generate(run, "1", 7)
    assert measured()[1]["synthetic"].tolist() == [4, 7]
    records.write(run.share_record, ShareRecord(chosen=0.25))
    after, arrays = measured()
    assert arrays["strength"] == 0.25
    assert after == before


def test_what_learns_of_real_images_alone_needs_no_share(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    run.share_record.unlink()
    assert {compared(3)[number] for number in compared_with(3, synthetic=False)} == {
        (seed, arm) for seed in range(3) for arm in ("real", "real+classical")
    }
    measure(run, job, compared_with(1, synthetic=False), ignore)
    assert sorted(compared_with(3, synthetic=False) + compared_with(3, synthetic=True)) == list(range(12))


def test_bytes_are_the_same_whichever_classifiers_a_process_trained_before(tmp_path: Path) -> None:
    """So that runs of other numbers of processes agree, and a run that goes on with the classifiers that are left."""
    write_digits(tmp_path / "images", {3: 40, 5: 40, 8: 40, 9: 40})
    run, job = split_run(tmp_path, gate={"classifier_steps": 3})  # classifiers that still make errors
    records.write(run.share_record, ShareRecord(chosen=0.5))
    generate(run, "3", 6)
    told: list[Progress] = []
    measure(run, job, range(12), told.append)
    try_shares(run, job, range(len(TRIED)), ignore)
    files = [*map(run.compared, range(12)), *map(run.tried, range(len(TRIED)))]
    together = [file.read_bytes() for file in files]
    seeds = {b"".join(together[first : first + len(ARMS)]) for first in range(0, 12, len(ARMS))}
    folds = {b"".join(together[first : first + len(STRENGTHS)]) for first in range(12, len(files), len(STRENGTHS))}
    assert len(seeds | folds) == 6
    assert [report["done"] for report in told] == [3 * number for number in range(1, 13)]
    assert {report["total"] for report in told} == {36}
    told.clear()
    run.tried(0).unlink()
    try_shares(run, job, [0], told.append)
    assert [report["done"] for report in told] == [2], "two thirds of the images, two thirds of the steps"
    files[1].unlink()
    files[12].unlink()
    measure(run, job, [0, 1], ignore)
    try_shares(run, job, [2, 0], ignore)
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
            classifiers.recognised("test", arm, gate.classifier_steps, sets.real, ignore)
            kinds = tuple(gate.augmentation) if classical else ()
            model = trainer(sets.real[0].shape[1:], NUM_CLASSES, kinds, mixup=mixup and classical, path=None).model
            found[f"{classical} {synthetic}"] = b"".join(array.tobytes() for array in model.get_weights())
        return found

    without, with_mixup = weights(mixup=False), weights(mixup=True)
    assert [arm for arm in without if without[arm] != with_mixup[arm]] == ["True False", "True True"]


def test_class_that_is_short_takes_no_part(prepared: tuple[Run, JobConfig]) -> None:
    run, _ = prepared
    generate(run, "0", 6)
    records.write(run.generation("1") / "record.json", generation_record(3, short=True))
    assert num_synthetic(run) == {"0": 6}
    assert load_sets(run).counts.tolist() == [6, 0]


def test_folds_try_every_training_image_once_and_choose_a_share(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 6)
    told = try_shares(run, job, range(len(TRIED)), ignore)
    assert list(told) == list(range(len(TRIED)))
    for strength in STRENGTHS:
        files = [run.tried(number) for number, (_, of_number) in enumerate(TRIED) if of_number == strength]
        tried = np.concatenate([storage.unpack_arrays(file.read_bytes())["truth"] for file in files])
        assert np.bincount(tried).tolist() == [len(images) for images in load_sets(run).real]
    record = choose(run, job)
    assert record.chosen in STRENGTHS[1:] and set(record.tried) == {"0", "0.25", "0.5"}
    before = run.tried(0).stat().st_mtime_ns
    try_shares(run, job, [0], ignore)
    assert run.tried(0).stat().st_mtime_ns == before


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
    try_shares(run, job, [TRIED.index((1, 0.5))], ignore)
    whole = load_sets(run).real[0]
    left_out = {image.tobytes() for image in whole[1::FOLDS]}
    real, synthetic = pools[0]
    assert len(real[0]) == len(whole) - len(left_out)
    assert len(synthetic[0]) == 6, "a third of the nine copies is of images that are tried"
    assert not left_out & {image.tobytes() for image in (*real[0], *synthetic[0])}


def test_of_shares_as_good_as_the_best_the_smallest_is_chosen_and_none_is_no_share(
    prepared: tuple[Run, JobConfig],
) -> None:
    run, job = prepared
    truth = np.array([0, 0, 1, 1])
    good, bad = np.array([True, True, True, False]), np.array([True, False, False, False])

    def chosen_of(**rights: np.ndarray) -> ShareRecord:
        for number, (_, strength) in enumerate(TRIED):
            arrays = {"right": rights[f"of{100 * strength:.0f}"], "truth": truth}
            storage.write_bytes(run.tried(number), storage.pack_arrays(arrays))
        return choose(run, job)

    expected = ShareRecord(chosen=0.5, tried={"0": 1.0, "0.25": 0.25, "0.5": 0.75})
    assert chosen_of(of0=truth >= 0, of25=bad, of50=good) == expected
    assert chosen_of(of0=truth >= 0, of25=good, of50=good).chosen == 0.25

    # Half misses other images than a quarter, one fewer: 1.0 points more, with a standard error of 2.5. Then far fewer.
    truth, image = np.repeat([0, 1], 50), np.arange(100)
    for missed, chosen in ((9, 0.25), (2, 0.5)):
        record = chosen_of(of0=image < 50, of25=image >= 10, of50=(image < 10) | (image >= 10 + missed))
        assert record == ShareRecord(chosen=chosen, tried={"0": 0.5, "0.25": 0.9, "0.5": 1 - missed / 100})


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

    number = list(ARMS).index("real+classical")
    told = measure(run, with_classifier(f"{__name__}:users_model"), [number], ignore)
    assert told[number] > 0.8
    with pytest.raises(ConfigError, match=r"no_such.*module:function"):
        measure(run, with_classifier(f"{__name__}:no_such"), [0], ignore)
    with pytest.raises(ConfigError, match=r"expected a keras.Model of input and output"):
        measure(run, with_classifier("keras:Sequential"), [0], ignore)
