"""A trained class: candidates by index, and what its discriminator thinks of them."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import GenerationConfig, ResolvedTraining
from dcgan.execution import randomness
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.batches import to_float, to_uint8

# Candidates are made so many at a time, always, also when only one is wanted: a convolution's last bit can change
# with the batch size. A constant of the format: changing it changes every image.
CHUNK = 64

MAX_HEADER_BYTES = 2048  # of one array in the file: NumPy's header, and its name in the archive, twice


class Model:
    """Generator and critic of one class. Candidate i depends on (seed, class, i) and the weights only."""

    def __init__(self, file: BinaryIO, config: ResolvedTraining, image_shape: tuple[int, int, int]) -> None:
        """Load `model.npz`. No more of it is read than the networks take.

        Args:
            file: as training wrote it, opened.
            config: resolved; the one that it was trained by.
            image_shape: (H, W, C).

        Raises:
            ValueError, OSError, zipfile.BadZipFile: it does not hold exactly the networks' weights.
        """
        shapes = _shapes(config.latent_dim, image_shape, config.width)
        max_bytes = sum(_num_bytes(shape) + MAX_HEADER_BYTES for shape in shapes.values())
        content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ValueError(f"it holds more than {max_bytes:,} bytes, and so more than the networks' weights")
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.latent_dim = config.latent_dim
        arrays = _unpack(content, shapes)
        generator = _with_weights(make_generator(config.latent_dim, image_shape, config.width), arrays)
        critic = _with_weights(make_discriminator(image_shape, config.width), arrays)
        self._generate = tf.function(lambda latents: to_uint8(generator(latents, training=False)))
        self._judge = tf.function(lambda images: critic(to_float(images), training=False)[:, 0])

    def candidates(self, generation: GenerationConfig, label: str, chunk: int) -> np.ndarray:
        """Candidates number chunk * CHUNK and following: uint8 (CHUNK, H, W, C)."""
        draws = randomness.generator(generation.seed, label, "latent", chunk)
        latents = draws.standard_normal((CHUNK, self.latent_dim), np.float32)
        if generation.truncation is not None:
            while (outside := np.abs(latents) > generation.truncation).any():
                latents[outside] = draws.standard_normal(int(outside.sum()), np.float32)
        return np.asarray(self._generate(tf.constant(latents)))

    def critic_scores(self, images: np.ndarray) -> np.ndarray:
        """The discriminator's logits for uint8 (CHUNK, H, W, C): float32 (CHUNK,), larger for what looks real."""
        return np.asarray(self._judge(tf.constant(images)))


def _shapes(latent_dim: int, image_shape: tuple[int, int, int], width: int) -> dict[str, tuple[int, ...]]:
    """The shapes of both networks' weights, by the names that they have in the file."""
    with tf.Graph().as_default():  # where networks take no memory: the largest would take 1.5 GB
        networks = make_generator(latent_dim, image_shape, width), make_discriminator(image_shape, width)
    return {_name(network, variable): tuple(variable.shape) for network in networks for variable in network.weights}


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


def _with_weights(network: keras.Model, arrays: Mapping[str, np.ndarray]) -> keras.Model:
    """Put the arrays named after a network into it."""
    for variable in network.weights:
        variable.assign(arrays[_name(network, variable)])
    return network


def _name(network: keras.Model, variable: keras.Variable) -> str:
    return f"{network.name}/{variable.path}"
