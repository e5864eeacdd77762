"""Smoothed recall: as large as recall, less noisy, and blind to mere confidence."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan.evaluation.recognitions import margins, smoothed

DRAWS = np.random.default_rng(0)


def test_margin_is_above_zero_where_the_right_class_has_the_highest_logit() -> None:
    logits = DRAWS.normal(size=(4, 50, 3)).astype(np.float32)
    truth = DRAWS.integers(3, size=50)
    found = margins(logits, truth)
    assert found.shape == (4, 50) and found.dtype == np.float32
    assert ((found > 0) == (logits.argmax(2) == truth)).all()
    assert margins(np.array([[1.0, 4.0, 2.0]]), np.array([2])).tolist() == [-2.0]


def test_image_on_the_border_counts_half_and_clear_ones_count_as_in_recall() -> None:
    found = smoothed(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    assert found == pytest.approx([0, 0, 0.5, 1, 1], abs=0.01)
    assert smoothed(np.zeros(3)).tolist() == [0.5, 0.5, 0.5], "a classifier that tells nothing apart"


def test_classifier_that_is_merely_more_confident_is_no_better() -> None:
    some = DRAWS.normal(1.0, 1.0, size=(2, 200))
    assert smoothed(7 * some) == pytest.approx(smoothed(some))


def test_differences_are_as_large_as_those_of_recall_and_vary_less() -> None:
    """Two classifiers, of which the second is a little better, on many draws of 100 images."""
    images = DRAWS.normal(1.0, 1.0, size=(500, 100))
    noise = DRAWS.normal(0.0, 0.5, size=(2, 500, 100))
    before, after = images + noise[0], images + 0.2 + noise[1]
    of_recall = (after > 0).mean(1) - (before > 0).mean(1)
    of_smoothed = smoothed(after).mean(1) - smoothed(before).mean(1)
    assert of_smoothed.mean() == pytest.approx(of_recall.mean(), rel=0.15)
    assert of_smoothed.std() < 0.85 * of_recall.std()
