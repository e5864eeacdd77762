"""A release as others read it: every reader agrees with the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import dcgan
from dcgan.errors import ReleaseError
from dcgan.run.records import Recipe
from tests.conftest import Finished
from tests.records import changed


def test_manifest_agrees_with_the_files(finished: Finished) -> None:
    manifest = dcgan.load_release(finished.release, verify=True).manifest
    assert list(manifest.columns) == [
        "image_id", "path", "label", "class_index", "split", "seed", "index", "model_sha256", "image_sha256", "height",
        "width", "channels", "critic_score", "label_confidence", "nearest_real_distance", "nearest_real_path", "run_id",
    ]  # fmt: skip
    assert manifest["image_id"].is_unique
    assert set(manifest["path"]) == {
        path.relative_to(finished.release).as_posix() for path in (finished.release / "images").rglob("*.png")
    }
    assert manifest["label_confidence"].between(0, 1).all()
    for path in manifest["nearest_real_path"]:
        assert (finished.job_file.parent / "images" / path).exists()


def test_csv_and_parquet_hold_the_same(finished: Finished) -> None:
    parquet = pd.read_parquet(finished.release / "manifest.parquet")
    csv = pd.read_csv(finished.release / "manifest.csv", dtype={"label": str})
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False, rtol=1e-6)


def test_keras_reads_the_same_images(finished: Finished) -> None:
    import keras  # noqa: PLC0415 (the other tests need no TensorFlow)

    release = dcgan.load_release(finished.release)
    images, labels = release.arrays()
    dataset = keras.utils.image_dataset_from_directory(
        finished.release / "images", color_mode="grayscale", image_size=images.shape[1:3], shuffle=False, verbose=False
    )
    assert dataset.class_names == ["0", "1"]
    read = np.concatenate([batch.numpy() for batch, _ in dataset])
    read_labels = np.concatenate([batch.numpy() for _, batch in dataset])
    assert Counter(read_labels.tolist()) == Counter(labels.tolist())
    assert sorted(image.tobytes() for image in read.astype(np.uint8)) == sorted(image.tobytes() for image in images)


def test_hugging_face_metadata_names_every_image(finished: Finished) -> None:
    metadata = pd.read_json(finished.release / "metadata.jsonl", lines=True, dtype=False)
    assert list(metadata["file_name"]) == list(dcgan.load_release(finished.release).manifest["path"])


def test_arrays_follow_the_manifest(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    images, labels = release.arrays()
    assert images.shape == (110, 8, 8, 1) and images.dtype == np.uint8
    row = release.manifest.iloc[100]
    assert (np.asarray(Image.open(release.path / row["path"])) == images[100, ..., 0]).all()
    assert release.class_names[labels[100]] == row["label"]


def drawn(dataset: tf.data.Dataset, num_batches: int) -> tuple[list[bytes], np.ndarray]:
    """The images of the first batches as bytes, and their targets float32 (N, K)."""
    batches = list(dataset.take(num_batches).as_numpy_iterator())
    for images, targets in batches:
        assert images.dtype == targets.dtype == np.float32 and images.min() >= 0 and images.max() < 255.01
    images, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return [image.tobytes() for image in images.astype(np.uint8)], targets


def test_dataset_draws_real_training_images_and_none_held_out(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    held_out, real = ({image.tobytes() for image in release.real(split=split)[0]} for split in ("holdout", "train"))
    synthetic = {image.tobytes() for image in release.arrays()[0]}
    seen, targets = drawn(release.dataset(batch_size=64, synthetic=True, mixup=False), 200)
    assert set(seen) == real | synthetic and not held_out & set(seen)
    assert set(np.unique(targets)) == {0, 1} and (targets.sum(1) == 1).all()
    labels, is_synthetic = targets.argmax(1), np.array([image in synthetic for image in seen])
    for name, entry in release.record.classes.items():
        of_class = labels == entry.class_index
        # Within four standard errors of what is drawn at random.
        assert abs(of_class.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / len(labels)), name
        share = entry.synthetic_share
        assert abs(is_synthetic[of_class].mean() - share) <= 4 * np.sqrt(share * (1 - share) / of_class.sum()), name
    assert 0 < max(entry.synthetic_share for entry in release.record.classes.values()) < 0.5


def test_dataset_follows_the_advice_and_every_part_can_be_overruled(
    finished: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    release = dcgan.load_release(finished.release)
    assert release.record.advice and release.recipe == release.record.advice.recipe
    real = {image.tobytes() for image in release.real()[0]}

    def with_images_and_mixup(advised: Recipe, **choices: Any) -> tuple[bool, bool]:
        release = dcgan.load_release(finished.release)
        advice = release.record.advice
        assert advice
        release.record = changed(release.record, advice=changed(advice, recipe=advised.model_dump()))
        seen, targets = drawn(release.dataset(batch_size=32, **choices), 20)
        mixed = len(np.unique(targets)) > 2
        return mixed or not set(seen) <= real, mixed

    plain, both = Recipe(), Recipe(mixup=True, synthetic=0.5)
    assert with_images_and_mixup(plain) == (False, False)
    assert "as it advises to train without them" in caplog.text
    caplog.clear()
    assert with_images_and_mixup(plain, synthetic=True) == (True, False)
    assert with_images_and_mixup(both)[1]
    assert with_images_and_mixup(both, mixup=False) == (True, False)
    assert with_images_and_mixup(both, mixup=False, synthetic=False) == (False, False)
    assert not caplog.text


def test_dataset_bends_images_where_the_advice_goes_beyond_the_jobs_own_augmentation(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    images, labels = release.real()
    real = {image.tobytes() for image in images}

    def untouched(advised: Sequence[str], **choices: Any) -> float:
        advice = release.record.advice
        assert advice
        recipe = changed(Recipe(), augmentation=advised).model_dump()
        release.record = changed(release.record, advice=changed(advice, recipe=recipe))
        seen, _ = drawn(release.dataset((images, labels), **choices), 5)
        return float(np.mean([image in real for image in seen]))

    usual = release.config.gate.augmentation
    assert untouched(usual) == 1  # they are left to the model
    assert untouched([*usual, "rotation", "elastic"]) < 0.1
    assert untouched([*usual, "rotation"], augmentation=()) == 1
    assert untouched(usual, augmentation=["elastic"]) < 0.1
    with pytest.raises(ReleaseError, match="no augmentation is called swirl; there are translation, "):
        untouched([*usual, "swirl"])


def test_dataset_is_the_same_for_a_seed_and_another_for_another(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    first, again, other = (drawn(release.dataset(seed=seed, mixup=True), 3) for seed in (1, 1, 2))
    assert first[0] == again[0] != other[0] and (first[1] == again[1]).all()


def test_class_without_any_image_is_never_drawn_and_one_without_real_ones_is_all_synthetic(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    images, labels = release.real()
    synthetic = {image.tobytes() for image in release.arrays()[0]}
    made = set(np.unique(release.arrays()[1]))
    of_one = labels == next(iter(set(labels) - made))
    seen, targets = drawn(release.dataset((images[of_one], labels[of_one]), synthetic=True, mixup=False), 20)
    assert set(targets.argmax(1)) == made | set(labels[of_one])
    assert all((image in synthetic) == (label in made) for image, label in zip(seen, targets.argmax(1), strict=True))
    with pytest.raises(ReleaseError, match="nothing to train on"):
        release.dataset((images[:0], labels[:0]), synthetic=False)


def test_loading_something_else_says_what_a_release_is(tmp_path: Path) -> None:
    try:
        dcgan.load_release(tmp_path)
    except Exception as error:
        assert "release.json" in str(error)
    else:
        raise AssertionError("an empty folder was taken for a release")
