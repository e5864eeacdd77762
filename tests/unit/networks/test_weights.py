"""A model's file holds exactly its networks' weights, and is no larger than they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import parse_job
from dcgan.files import storage
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.weights import _shapes, read_weights

VALUES = {"name": "j", "data": {"source": "x"}, "training": {"width": 4, "latent_dim": 3}}
CONFIG = parse_job(VALUES, where="test").resolve(Path()).training


def arrays_of(image_shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    networks = make_generator(3, image_shape, 4), make_discriminator(image_shape, 4)
    return {f"{network.name}/{variable.path}": variable.numpy() for network in networks for variable in network.weights}


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (12, 10, 3), (40, 33, 1), (64, 64, 3)])
def test_shapes_are_those_of_the_networks_that_are_built(image_shape: tuple[int, int, int]) -> None:
    arrays = arrays_of(image_shape)
    assert _shapes(3, image_shape, 4) == {name: array.shape for name, array in arrays.items()}
    unpacked, _ = read_weights(io.BytesIO(storage.pack_arrays(arrays)), CONFIG, image_shape)
    assert all(np.array_equal(unpacked[name], array) for name, array in arrays.items()) and len(unpacked) == len(arrays)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"more": np.zeros(3, np.float32)}, "does not hold the"),
        ({"generator/norm_0/beta": np.zeros(5, np.float32)}, "expected float32"),
        ({"generator/norm_0/beta": np.zeros(4, np.float64)}, "expected float32"),
        ({"generator/norm_0/beta": np.zeros(10**6, np.float32)}, "it holds more than"),
    ],
)
def test_other_arrays_are_refused(change: dict[str, np.ndarray], told: str) -> None:
    arrays = arrays_of((8, 8, 1)) | change
    with pytest.raises(ValueError, match=told):
        read_weights(io.BytesIO(storage.pack_arrays(arrays)), CONFIG, (8, 8, 1))
