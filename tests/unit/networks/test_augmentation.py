"""Augmentations change what they say and nothing else, the same for the same step, and let gradients through."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.networks.augmentation import AUGMENTATIONS, BRIGHTNESS, augment, mix

shapes = st.tuples(st.integers(1, 4), st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3]))


def images_of(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def applied(images: np.ndarray, *kinds: str, stream: int = 1, step: int = 0) -> np.ndarray:
    return np.asarray(augment(tf.constant(images), kinds, stream, tf.constant(step, tf.int64)))


@pytest.mark.parametrize("kind", AUGMENTATIONS)
@settings(deadline=None, max_examples=15)
@given(shapes, st.integers(0, 2**63 - 1), st.integers(0, 2**40))
def test_shape_stays_and_the_same_step_gives_the_same(
    kind: str, shape: tuple[int, ...], stream: int, step: int
) -> None:
    images = images_of(shape)
    first = applied(images, kind, stream=stream, step=step)
    assert first.shape == shape and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(applied(images, kind, stream=stream, step=step), first)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_images_of_a_batch_and_steps_and_streams_have_draws_of_their_own(kind: str) -> None:
    images = np.repeat(images_of((1, 16, 16, 3)), 32, axis=0)
    result = applied(images, kind)
    assert len({image.tobytes() for image in result}) > 1
    assert (applied(images, kind, step=1) != result).any()
    assert (applied(images, kind, stream=2) != result).any()


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_gradients_flow_back_to_the_images(kind: str) -> None:
    images = tf.constant(images_of((4, 12, 12, 3)))
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(augment(images, [kind], 1, tf.constant(0, tf.int64)) ** 2)
    gradient = tape.gradient(loss, images)
    assert gradient is not None
    assert (np.abs(np.asarray(gradient)).sum((1, 2, 3)) > 0).all()


@settings(deadline=None, max_examples=25)
@given(shapes, st.integers(0, 1000))
def test_translation_shifts_by_whole_pixels_and_fills_with_black(shape: tuple[int, ...], step: int) -> None:
    images = images_of(shape)
    _, height, width, _ = shape
    reach = [max(1, round(side / 8)) for side in (height, width)]
    for image, moved in zip(images, applied(images, "translation", step=step), strict=True):
        canvas = np.pad(image, ((reach[0], reach[0]), (reach[1], reach[1]), (0, 0)), constant_values=-1)
        windows = [
            canvas[top : top + height, left : left + width]
            for top in range(2 * reach[0] + 1)
            for left in range(2 * reach[1] + 1)
        ]
        assert any(np.array_equal(moved, window) for window in windows)


def test_translation_takes_every_shift_equally_often() -> None:
    marked = np.full((3600, 8, 8, 1), -1, np.float32)
    marked[:, 4, 4] = 1
    rows, columns = np.nonzero(applied(marked, "translation")[..., 0] == 1)[1:]
    counts = np.bincount(3 * (rows - 3) + columns - 3, minlength=9)
    assert len(counts) == 9 and counts.min() > 300


@settings(deadline=None, max_examples=25)
@given(shapes, st.integers(0, 1000))
def test_brightness_adds_one_number_to_each_image(shape: tuple[int, ...], step: int) -> None:
    images = images_of(shape)
    added = applied(images, "brightness", step=step) - images
    assert np.abs(added).max() <= BRIGHTNESS + 1e-6
    assert np.ptp(added, axis=(1, 2, 3)).max() < 1e-5


@settings(deadline=None, max_examples=25)
@given(shapes, st.integers(0, 1000))
def test_contrast_keeps_the_mean_and_saturation_the_grey(shape: tuple[int, ...], step: int) -> None:
    images = images_of(shape)
    contrast = applied(images, "contrast", step=step)
    np.testing.assert_allclose(contrast.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-5)
    ratios = contrast.std((1, 2, 3)) / images.std((1, 2, 3))
    assert (ratios > 0.49).all() and (ratios < 1.51).all()
    saturation = applied(images, "saturation", step=step)
    np.testing.assert_allclose(saturation.mean(3), images.mean(3), atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(shapes, st.integers(0, 1000))
def test_cutout_takes_one_rectangle_of_half_a_side_and_leaves_the_rest(shape: tuple[int, ...], step: int) -> None:
    images = np.where(images_of(shape) == 0, 1, images_of(shape)).astype(np.float32)
    _, height, width, _ = shape
    for image, cut in zip(images, applied(images, "cutout", step=step), strict=True):
        gone = (cut == 0).all(2)
        rows, columns = gone.any(1), gone.any(0)
        np.testing.assert_array_equal(gone, np.outer(rows, columns))
        np.testing.assert_array_equal(cut[~gone], image[~gone])
        # At an edge, part of the square lies outside; its centre never does.
        assert height / 4 - 1 <= rows.sum() <= height / 2 + 1 and width / 4 - 1 <= columns.sum() <= width / 2 + 1


def test_flip_mirrors_half_of_the_images() -> None:
    images = images_of((400, 8, 10, 1))
    flipped = applied(images, "flip")
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])


def test_rotation_turns_about_the_centre_by_an_angle_of_each_image() -> None:
    rows, columns = np.meshgrid(np.arange(17) - 8, np.arange(17) - 8, indexing="ij")
    slope = np.broadcast_to((rows / 16).astype(np.float32)[None, ..., None], (300, 17, 17, 1))
    turned = applied(slope, "rotation")[..., 0] * 16
    # Far from the edges, a slope downwards turned by an angle is cos(angle) * rows - sin(angle) * columns.
    inner = np.hypot(rows, columns) <= 7
    design = np.stack([rows[inner], -columns[inner]], axis=1)
    cosines, sines = np.linalg.lstsq(design, turned[:, inner].T, rcond=None)[0]
    np.testing.assert_allclose(design @ [cosines, sines], turned[:, inner].T, atol=1e-4)
    np.testing.assert_allclose(np.hypot(cosines, sines), 1, atol=1e-4)
    degrees = np.degrees(np.arctan2(sines, cosines))
    assert np.abs(degrees).max() <= 15.01 and degrees.min() < -13 and degrees.max() > 13


def test_elastic_moves_pixels_smoothly_and_a_little() -> None:
    places = np.stack(np.meshgrid(np.arange(32), np.arange(32), indexing="ij"), axis=-1) / 32
    moved = applied(np.broadcast_to(places[None].astype(np.float32), (200, 32, 32, 2)), "elastic")
    shifts = (moved - places)[:, 8:24, 8:24]  # where nothing comes from beyond an edge
    assert 0.02 < shifts.std() < 0.045
    assert abs(shifts.mean()) < 0.005
    assert np.diff(shifts, axis=1).std() < shifts.std() / 3, "neighbours move together"


def test_kinds_are_applied_in_order_each_with_its_own_draws() -> None:
    images = images_of((8, 12, 12, 1))
    once, twice = (applied(images, *["brightness"] * count) - images for count in (1, 2))
    assert np.abs(twice - 2 * once).max() > 0.01
    np.testing.assert_array_equal(applied(images), images)


def mixed(images: np.ndarray, labels: np.ndarray, stream: int = 1, step: int = 0) -> tuple[np.ndarray, np.ndarray]:
    targets = np.eye(labels.max() + 1, dtype=np.float32)[labels]
    found = mix(tf.constant(images), tf.constant(targets), tf.constant(stream, tf.int64), tf.constant(step, tf.int64))
    return found[0].numpy(), found[1].numpy()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 9), st.integers(0, 2**62), st.integers(0, 2**40))
def test_mixup_mixes_targets_as_it_mixes_images(count: int, stream: int, step: int) -> None:
    grey = np.arange(count, dtype=np.float32)
    images, targets = mixed(
        np.broadcast_to(grey[:, None, None, None], (count, 8, 8, 1)), np.arange(count), stream, step
    )
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-5)
    # Of one grey each, numbered like its class, an image's grey is its targets' mean.
    np.testing.assert_allclose(images[:, 0, 0, 0], targets @ grey, rtol=1e-4, atol=1e-5)
    assert (targets > 0).sum(1).max() <= 2


def test_most_images_stay_nearly_themselves_in_mixup_and_steps_differ() -> None:
    labels = np.arange(2000)
    images = np.zeros((2000, 8, 8, 1), np.float32)
    _, targets = mixed(images, labels)
    own = targets[labels, labels]
    assert 0.4 < own.mean() < 0.6, "of the two, either may be the one that stays"
    assert (np.maximum(own, 1 - own) > 0.9).mean() > 0.5
    assert (mixed(images, labels, step=1)[1] != targets).any()
