"""Synthetic images as files: lossless, marked, the same bytes each time, and named so that no two collide."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.files import marks
from dcgan.files.names import unescape
from dcgan.generation.png import encode, image_id
from tests.samples import noise

labels = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
indices = st.integers(0, 10**7 - 1)


@given(labels, indices)
def test_id_tells_class_and_index(label: str, index: int) -> None:
    name, _, number = image_id(label, index).rpartition("-")
    assert unescape(name) == label and int(number) == index


@given(labels, indices, labels, indices)
def test_ids_of_different_images_differ(label: str, index: int, other_label: str, other_index: int) -> None:
    same = (label, index) == (other_label, other_index)
    assert (image_id(label, index) == image_id(other_label, other_index)) == same


@given(st.lists(indices, unique=True))
def test_ids_of_a_class_sort_by_their_index(numbers: list[int]) -> None:
    assert sorted(image_id("cat", number) for number in numbers) == [image_id("cat", n) for n in sorted(numbers)]


@pytest.mark.parametrize("channels", [1, 3])
def test_image_comes_back_as_it_was_and_carries_its_mark(channels: int) -> None:
    image = noise(3, channels=channels).reshape(12, 10, channels)
    content = encode(image, job="j", label="père", index=4, model_sha256="ab")
    assert encode(image.copy(), job="j", label="père", index=4, model_sha256="ab") == content
    opened = Image.open(io.BytesIO(content))
    assert opened.mode == ("L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(opened).reshape(image.shape), image)
    assert marks.is_synthetic(opened) and opened.info["dcgan-augment:class"] == "père"


def test_bytes_tell_images_classes_and_indices_apart() -> None:
    image = noise(3).reshape(12, 10, 3)
    given_ = {"job": "j", "label": "a", "index": 0, "model_sha256": "x"}
    contents = {encode(image, **{**given_, **change}) for change in ({}, {"label": "b"}, {"index": 1}, {"job": "k"})}
    assert len({zlib.crc32(content) for content in contents}) == 4
