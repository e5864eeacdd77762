"""A release as others read it: every reader agrees with the manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import dcgan
from tests.conftest import Finished


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


def test_dataset_mixes_real_training_images_and_none_held_out(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    held_out, _ = release.real(split="holdout")
    real, _ = release.real()
    synthetic = {image.tobytes() for image in release.arrays()[0]}
    seen, weights, of_synthetic, heaviest = [], Counter[int](), Counter[int](), 0.0
    for images, labels, batch_weights in release.dataset(batch_size=32):
        in_bytes = [image.tobytes() for image in images.numpy().astype(np.uint8)]
        seen += in_bytes
        for image, label, weight in zip(in_bytes, labels.numpy(), batch_weights.numpy(), strict=True):
            weights[int(label)] += weight
            of_synthetic[int(label)] += weight * (image in synthetic)
        heaviest = max(heaviest, batch_weights.numpy().max())
    times = Counter(seen)
    assert len(times) == len({image.tobytes() for image in real} | synthetic)
    assert max(times.values()) > 1 and heaviest < 3
    assert not {image.tobytes() for image in held_out} & set(seen)
    assert {image.tobytes() for image in real} <= set(seen)
    assert len(weights) == 3
    np.testing.assert_allclose(list(weights.values()), len(seen) / 3, rtol=1e-4)
    for name, entry in release.record.classes.items():
        number = entry.class_index
        assert abs(of_synthetic[number] / weights[number] - entry.synthetic_share) < 1e-4, name
    assert 0 < max(entry.synthetic_share for entry in release.record.classes.values()) < 0.5


def test_dataset_without_synthetic_images_has_the_real_ones_alone_and_classes_weigh_alike(finished: Finished) -> None:
    release = dcgan.load_release(finished.release)
    real = {image.tobytes() for image in release.real()[0]}
    seen, weights = set(), Counter[int]()
    for images, labels, batch_weights in release.dataset(batch_size=32, synthetic=False):
        seen |= {image.tobytes() for image in images.numpy().astype(np.uint8)}
        for label, weight in zip(labels.numpy(), batch_weights.numpy(), strict=True):
            weights[int(label)] += weight
    assert seen == real
    np.testing.assert_allclose(list(weights.values()), weights.total() / len(weights), rtol=1e-4)


def test_loading_something_else_says_what_a_release_is(tmp_path: Path) -> None:
    try:
        dcgan.load_release(tmp_path)
    except Exception as error:
        assert "release.json" in str(error)
    else:
        raise AssertionError("an empty folder was taken for a release")
