"""Curation: what is a copy, a duplicate, blank, odd or of another class is found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.curation.filters import (
    BY_NAME,
    CRITIC,
    Candidates,
    Filters,
    Nearest,
    RealImages,
    flat,
    needs_folds,
    pixel_hash,
    require,
    thresholds,
    without_real_images,
)  # fmt: skip
from dcgan.curation.filters.blank import BLANK_SHARE
from dcgan.curation.filters.blurred import detail
from dcgan.curation.filters.copies import COPY
from dcgan.curation.filters.label import SURE_MIN
from dcgan.errors import ConfigError
from tests.samples import noise

ALL = ["blank", "copy", "duplicate", "label", "outlier"]  # `blurred` looks at noise, as these images are, too
NO_HOLDOUT = np.empty((0, 12, 10, 1), np.uint8)


def images(first: int, count: int, channels: int = 1) -> np.ndarray:
    return np.stack([noise(first + number, channels=channels).reshape(12, 10, channels) for number in range(count)])


def features_of(pictures: np.ndarray) -> np.ndarray:
    """A feature space for the tests: the mean of every row, which small changes of an image hardly change."""
    return pictures.reshape(len(pictures), 12, -1).mean(2).astype(np.float32) / 255


class Curated:
    """Filters of a class whose real images are given, and what they say of candidates."""

    def __init__(self, real: np.ndarray, names: list[str] = ALL, held_out: np.ndarray = NO_HOLDOUT) -> None:
        of_real = RealImages(real, features_of(real), held_out, np.linspace(0, 0.6, 100))
        self.limits = thresholds(of_real, names)
        self.filters = Filters(self.limits, names, [*real, *held_out])
        self._pixels, self._features = Nearest(flat(real)), Nearest(features_of(real))

    def reasons(self, made: np.ndarray, other_class: float = 0.0) -> list[str]:
        other = np.full(len(made), other_class, np.float32)
        found = Candidates(made, self._pixels(flat(made))[0], self._features(features_of(made))[0], other)
        return self.filters.reasons(found)


def test_new_images_are_accepted_and_seen_ones_are_duplicates() -> None:
    curated = Curated(images(0, 20))
    assert curated.reasons(images(100, 3)) == [""] * 3
    assert curated.reasons(images(101, 3)) == ["duplicate", "duplicate", ""]


def test_duplicates_are_remembered_from_part_to_part() -> None:
    curated = Curated(images(0, 20))
    curated.filters.have_seen(np.array([pixel_hash(image) for image in images(100, 2)], np.int64))
    assert curated.reasons(images(101, 2)) == ["duplicate", ""]


def test_copies_are_found_each_time_also_when_they_are_a_little_changed() -> None:
    real = images(0, 20)
    curated = Curated(real)
    assert [curated.reasons(real[[2]])[0] for _ in range(2)] == ["copy", "copy"]
    assert curated.reasons(real[[2]] // 2 * 2) == ["copy"]
    assert curated.reasons(255 - real[[2]]) == [""]


def test_held_out_images_are_no_candidates_but_what_is_near_them_is() -> None:
    held_out = images(50, 2)
    curated = Curated(images(0, 20), held_out=held_out)
    assert curated.reasons(held_out) == ["copy", "copy"]
    assert curated.reasons(held_out // 2 * 2) == ["", ""]


def test_where_real_images_are_near_each_other_nearness_is_no_sign_of_a_copy() -> None:
    real = images(0, 20)
    twins = np.concatenate([real, real // 2 * 2])
    assert Curated(twins, ["copy"]).reasons(real[[2]] // 8 * 8 + 4) == [""]
    assert Curated(real, ["copy"]).reasons(real[[2]] // 8 * 8 + 4) == ["copy"]


def test_copy_is_near_in_pixels_and_in_features() -> None:
    limits = {"copy_pixels": 0.2, "copy_features": 0.4}
    pixels, features = np.array([0.1, 0.1, 0.3, 0.3, 0.2]), np.array([0.3, 0.5, 0.3, 0.5, 0.3])
    candidates = Candidates(images(0, 5), pixels, features, np.zeros(5))
    assert list(COPY.rejects(candidates, limits)) == [True, False, False, False, False]


def test_copies_are_nearer_than_half_of_what_the_closest_real_images_are_apart() -> None:
    real = images(0, 20)
    of_real = RealImages(real, features_of(real), NO_HOLDOUT, np.linspace(0, 0.6, 100))
    limits = thresholds(of_real, ["copy"])
    for name, points in {"copy_pixels": flat(real), "copy_features": features_of(real)}.items():
        squares = ((points[:, None] - points[None]) ** 2).mean(2) + np.diag(np.full(20, np.inf))
        apart = np.sqrt(squares.min(1))
        assert limits[name] == pytest.approx(np.quantile(apart, 0.05) / 2, rel=1e-4)


def test_blank_image_is_found_among_others() -> None:
    blank = np.full((1, 12, 10, 1), 7, np.uint8)
    assert Curated(images(0, 20)).reasons(np.concatenate([images(100, 2), blank])) == ["", "", "blank"]


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_images_are_blank_also_when_they_come_again(value: int) -> None:
    curated = Curated(images(0, 20))
    flat_image = np.full((1, 12, 10, 1), value, np.uint8)
    assert [curated.reasons(flat_image)[0] for _ in range(2)] == ["blank", "blank"]


def test_blank_is_told_by_the_flattest_real_image_held_out_ones_too() -> None:
    real = images(0, 20)
    flattest = (real[:1] * 0.1 + 100).astype(np.uint8)
    candidate = (images(100, 1) * 0.05 + 100).astype(np.uint8)
    only_blank = ["blank"]
    assert candidate.std() > BLANK_SHARE * flattest.std()
    assert Curated(real, only_blank).reasons(candidate) == ["blank"]
    assert Curated(np.concatenate([real, flattest]), only_blank).reasons(candidate) == [""]
    assert Curated(real, only_blank, held_out=flattest).reasons(candidate) == [""]


def test_outliers_are_farther_from_all_real_images_than_these_from_each_other() -> None:
    real = images(0, 20)
    bright = np.clip(images(100, 1) // 8 + 224, 0, 255).astype(np.uint8)
    assert Curated(real, ["outlier"]).reasons(bright) == ["outlier"]
    assert Curated(np.concatenate([real, bright]), ["outlier"]).reasons(bright // 2 * 2 + 1) == [""]


def test_label_is_doubted_when_a_classifier_is_surer_than_of_real_images() -> None:
    curated = Curated(images(0, 20))
    assert 0.59 < curated.limits["label"] < 0.6
    assert curated.reasons(images(100, 1), other_class=0.58) == [""]
    assert curated.reasons(images(101, 1), other_class=0.6) == ["label"]
    few = RealImages(images(0, 5), features_of(images(0, 5)), NO_HOLDOUT, np.full(5, 0.1))
    assert thresholds(few, ["label"])["label"] == SURE_MIN, "a real image's own class is not doubted under one half"


def test_filters_that_are_off_reject_nothing() -> None:
    real = images(0, 20)
    curated = Curated(real, [])
    made = np.concatenate([real[:1], np.zeros((2, 12, 10, 1), np.uint8)])
    assert curated.reasons(made, other_class=1) == [""] * 3


def test_the_first_reason_is_told() -> None:
    curated = Curated(images(0, 20))
    blank = np.full((1, 12, 10, 1), 255, np.uint8)  # an outlier, too
    assert curated.reasons(blank, other_class=1) == ["blank"]
    assert curated.reasons(images(0, 1), other_class=1) == ["copy"]


def test_critic_rejects_under_its_limit() -> None:
    made = images(100, 3)
    unknown = np.ones(3, np.float32)
    found = Candidates(made, unknown, unknown, unknown, np.array([0.4, 0.5, 0.6], np.float32))
    assert Filters({CRITIC: 0.5}, []).reasons(found) == ["critic", "", ""]


def test_class_with_a_blank_real_image_rejects_none_as_blank() -> None:
    real = np.concatenate([np.zeros((1, 12, 10, 1), np.uint8), images(0, 5)])
    assert Curated(real, ["blank"]).reasons(np.full((1, 12, 10, 1), 7, np.uint8)) == [""]


@given(st.integers(2, 8), st.integers(1, 6), st.sampled_from([1, 3]))
def test_nearest_real_image_is_the_nearest(num_real: int, num_made: int, channels: int) -> None:
    real, made = images(0, num_real, channels), images(50, num_made, channels)
    nearest = Nearest(flat(real))
    distances, rows = nearest(flat(made))
    pairs = ((made[:, None] / 255.0 - real[None] / 255.0) ** 2).mean((2, 3, 4)) ** 0.5
    np.testing.assert_array_equal(rows, pairs.argmin(1))
    np.testing.assert_allclose(distances, pairs.min(1), rtol=1e-5)
    assert distances.dtype == np.float32


def test_distance_is_0_to_a_copy_and_1_from_black_to_white() -> None:
    real = images(0, 3)
    distances, rows = Nearest(flat(real))(flat(real[[1, 2]]))
    assert list(rows) == [1, 2] and list(distances) == [0, 0]
    black, white = np.zeros((1, 12, 10, 1), np.uint8), np.full((1, 12, 10, 1), 255, np.uint8)
    assert Nearest(flat(black))(flat(white))[0] == pytest.approx(1)


def half_size(pictures: np.ndarray) -> np.ndarray:
    """The same pictures as if they had been taken at half the size."""
    small = [Image.fromarray(picture[..., 0]).resize((5, 6), Image.Resampling.BILINEAR) for picture in pictures]
    return np.stack([np.asarray(one.resize((10, 12), Image.Resampling.BILINEAR)) for one in small])[..., None]


def test_blurred_images_have_much_less_detail_than_any_real_one() -> None:
    real, made = images(0, 20), images(100, 3)
    curated = Curated(real, ["blurred"])
    assert curated.reasons(half_size(made)) == ["blurred"] * 3
    assert curated.reasons(made) == curated.reasons(made // 4 + 90) == [""] * 3, "light and contrast count for nothing"
    assert Curated(np.concatenate([real, half_size(real[:1])]), ["blurred"]).reasons(half_size(made)) == [""] * 3
    assert list(detail(np.full((1, 12, 10, 1), 7, np.uint8))) == [0.0]


def test_detail_of_an_image_is_its_own_whatever_stands_beside_it() -> None:
    several = np.concatenate([images(0, 2), half_size(images(2, 2)), np.full((1, 12, 10, 1), 7, np.uint8)])
    together, alone = detail(several), np.concatenate([detail(one[None]) for one in several])
    np.testing.assert_array_equal(together, alone)
    assert together[:2].min() > 2 * together[2:].max()


def test_unknown_filter_is_refused_with_those_that_there_are() -> None:
    require(BY_NAME)
    with pytest.raises(ConfigError, match=r"no filter 'sharp'; known are blank: nearly empty images; blurred: "):
        require(["blank", "sharp"])


def test_filters_say_what_they_need() -> None:
    assert needs_folds(["blank", "label"]) and not needs_folds(["blank", "outlier"])
    assert without_real_images(["outlier", "blank", "copy", "blurred"]) == ["blank", "blurred"]
