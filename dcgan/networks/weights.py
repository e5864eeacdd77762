"""Both networks' weights as they are kept in a file, `model.npz`, and read from one that anybody may have written."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTraining
from dcgan.networks.architecture import make_discriminator, make_generator

MAX_HEADER_BYTES = 2048  # of one array in the file: NumPy's header, and its name in the archive, twice


class Weights(NamedTuple):
    """What a file holds."""

    arrays: dict[str, np.ndarray]
    """float32, by name."""
    sha256: str
    """Of the file."""


def read_weights(file: BinaryIO, config: ResolvedTraining, image_shape: tuple[int, int, int]) -> Weights:
    """Read generator and discriminator, and no more than these networks need.

    Args:
        file: open, as training wrote it.
        config: resolved; the one that they were trained with.
        image_shape: (H, W, C).

    Raises:
        ValueError, OSError, zipfile.BadZipFile: it does not hold exactly the networks' weights.
    """
    shapes = _shapes(config.latent_dim, image_shape, config.width)
    max_bytes = sum(_num_bytes(shape) + MAX_HEADER_BYTES for shape in shapes.values())
    content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it holds more than {max_bytes:,} bytes, and so more than the networks' weights")
    return Weights(_unpack(content, shapes), hashlib.sha256(content).hexdigest())


@functools.lru_cache(maxsize=4)
def _shapes(latent_dim: int, image_shape: tuple[int, int, int], width: int) -> Mapping[str, tuple[int, ...]]:
    """The shapes of both networks' weights, by the names that they have in the file."""
    with tf.Graph().as_default():  # networks take no memory there; the largest would take 1.5 GB
        networks = make_generator(latent_dim, image_shape, width), make_discriminator(image_shape, width)
    return {name_of(network, variable): tuple(variable.shape) for network in networks for variable in network.weights}


def _unpack(content: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays float32 by name, of these shapes, and no others.

    `numpy.load` would make room for whatever an array's header says.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in shapes):
            raise ValueError(f"it does not hold the {len(shapes)} arrays of the networks")
        for name, shape in shapes.items():
            info = archive.getinfo(f"{name}.npy")
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed, and training compresses nothing")
            with archive.open(info) as member:
                if np.lib.format.read_magic(member) != (1, 0):
                    raise ValueError(f"{name} is of another version of NumPy's format")
                found, by_columns, dtype = np.lib.format.read_array_header_1_0(member)
                if (found, by_columns, dtype) != (shape, False, np.dtype("<f4")):
                    raise ValueError(f"{name} is {dtype} {found}, expected float32 {shape}")
                arrays[name] = np.frombuffer(member.read(_num_bytes(shape)), np.float32).reshape(shape)
    return arrays


def _num_bytes(shape: tuple[int, ...]) -> int:
    return 4 * math.prod(shape)


def name_of(network: keras.Model, variable: keras.Variable) -> str:
    """The name of a network's variable in the file."""
    return f"{network.name}/{variable.path}"
