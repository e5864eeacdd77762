"""Batches: the images that were given, every class equally often, the same for the same step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.networks.batches import Batches, Pools, to_float, to_uint8


def numbered(first: int, count: int) -> np.ndarray:
    """Images uint8 (count, 8, 8, 1), each of one grey value that tells which it is."""
    return np.full((count, 8, 8, 1), 1, np.uint8) * np.arange(first, first + count, dtype=np.uint8)[:, None, None, None]


def drawn(batches: Batches, step: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey values and labels of a batch."""
    images, labels = batches.draw(tf.constant(step, tf.int64), size)
    return to_uint8(images).numpy()[:, 0, 0, 0], labels.numpy()


def test_labels_go_with_their_images_and_classes_come_equally_often_whatever_their_size() -> None:
    values, labels = drawn(Batches([numbered(0, 3), numbered(100, 100)], stream=1), 0, 4000)
    assert ((values < 3) == (labels == 0)).all() and ((values >= 100) == (labels == 1)).all()
    assert abs(labels.mean() - 0.5) < 0.05
    assert set(values) == {*range(3), *range(100, 200)}


def test_same_step_gives_the_same_batch_and_another_step_or_stream_another() -> None:
    batches = Batches([numbered(0, 100), numbered(100, 100)], stream=1)
    first = drawn(batches, 5, 64)
    drawn(batches, 6, 64)
    np.testing.assert_array_equal(drawn(batches, 5, 64), first)
    assert (drawn(batches, 6, 64)[0] != first[0]).any()
    assert (drawn(Batches([numbered(0, 100), numbered(100, 100)], stream=2), 5, 64)[0] != first[0]).any()


def test_share_of_synthetic_images_is_kept_in_classes_that_have_them() -> None:
    batches = Batches([numbered(0, 5), numbered(10, 5)], Pools([numbered(100, 50), None], [0.3, 0.0]), stream=3)
    values, labels = drawn(batches, 0, 8000)
    assert abs((values[labels == 0] >= 100).mean() - 0.3) < 0.03
    counts = np.bincount(values[labels == 1] - 10)
    assert len(counts) == 5 and counts.min() > 700  # all its draws are real ones, each equally often


def test_second_pool_has_its_share_of_what_the_first_leaves() -> None:
    synthetic, guessed = Pools([numbered(100, 50), None], [0.5, 0.0]), Pools([None, numbered(200, 50)], [0.0, 0.4])
    values, labels = drawn(Batches([numbered(0, 5), numbered(10, 5)], synthetic, guessed, stream=3), 0, 8000)
    assert abs((values[labels == 0] >= 100).mean() - 0.5) < 0.03 and values[labels == 0].max() < 200
    assert abs((values[labels == 1] >= 200).mean() - 0.4) < 0.03 and not ((values >= 15) & (values < 100)).any()
    both = Pools([numbered(200, 50)], [0.4])
    values, _ = drawn(Batches([numbered(0, 5)], Pools([numbered(100, 50)], [0.5]), both, stream=3), 0, 8000)
    for part, (low, high) in {0.3: (0, 5), 0.5: (100, 150), 0.2: (200, 250)}.items():
        assert abs(((values >= low) & (values < high)).mean() - part) < 0.03


def test_without_a_share_no_synthetic_image_is_drawn() -> None:
    batches = Batches([numbered(0, 5)], Pools([numbered(100, 50)], [0.0]), stream=3)
    assert drawn(batches, 0, 500)[0].max() < 5


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2**40), st.integers(1, 40))
def test_every_drawn_image_is_one_of_its_class(counts: list[int], step: int, size: int) -> None:
    pools = [numbered(10 * number, count) for number, count in enumerate(counts)]
    values, labels = drawn(Batches(pools, stream=9), step, size)
    assert len(values) == size
    assert all(0 <= value - 10 * label < counts[label] for value, label in zip(values.astype(int), labels, strict=True))


def test_every_uint8_survives_the_way_through_the_networks_range() -> None:
    values = tf.constant(np.arange(256, dtype=np.uint8))
    as_float = to_float(values)
    assert as_float.dtype == tf.float32
    assert (float(as_float[0]), float(as_float[-1])) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_uint8(as_float), values)


def test_what_is_out_of_range_becomes_black_or_white() -> None:
    np.testing.assert_array_equal(to_uint8(tf.constant([-3.0, -1.001, 1.001, 3.0])), [0, 0, 255, 255])
