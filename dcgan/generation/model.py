"""A trained class: its candidates by index, and its discriminator's scores of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import GenerationConfig, ResolvedTraining
from dcgan.execution import randomness
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.batches import to_float, to_uint8
from dcgan.networks.weights import name_of, read_weights

# Candidates are made so many at a time, always, also when only one is wanted: a convolution's last bit can change
# with the batch size. A constant of the format: changing it changes every image.
CHUNK = 64


class Model:
    """Generator and critic of one class. Candidate i depends only on (seed, class, i) and the weights."""

    def __init__(self, file: BinaryIO, config: ResolvedTraining, image_shape: tuple[int, int, int]) -> None:
        """Load `model.npz`, reading no more than the networks need.

        Args:
            file: open, as training wrote it.
            config: resolved; the one that it was trained with.
            image_shape: (H, W, C).

        Raises:
            ValueError, OSError, zipfile.BadZipFile: it does not hold exactly the networks' weights.
        """
        arrays, self.sha256 = read_weights(file, config, image_shape)
        self.latent_dim = config.latent_dim
        generator, critic = _compiled(config.latent_dim, image_shape, config.width)
        self._generate, self._judge = generator.of(arrays), critic.of(arrays)

    def candidates(self, generation: GenerationConfig, label: str, chunk: int) -> np.ndarray:
        """Candidates number chunk * CHUNK and following: uint8 (CHUNK, H, W, C)."""
        draws = randomness.generator(generation.seed, label, "latent", chunk)
        latents = draws.standard_normal((CHUNK, self.latent_dim), np.float32)
        if generation.truncation is not None:
            while (outside := np.abs(latents) > generation.truncation).any():
                latents[outside] = draws.standard_normal(int(outside.sum()), np.float32)
        return self._generate(latents)

    def critic_scores(self, images: np.ndarray) -> np.ndarray:
        """The discriminator's logits for uint8 (CHUNK, H, W, C): float32 (CHUNK,), larger for more realistic images."""
        return self._judge(images)


class _Network:
    """A network compiled once, whatever its weights."""

    def __init__(
        self, network: keras.Model, compute: Callable[[Callable[..., tf.Tensor], tf.Tensor], tf.Tensor]
    ) -> None:
        """Compile nothing yet.

        Args:
            network: its weights do not matter.
            compute: from what the network computes, and inputs, to what is wanted.
        """
        self._names = [
            [name_of(network, variable) for variable in variables]
            for variables in (network.trainable_variables, network.non_trainable_variables)
        ]

        @tf.function
        def run(weights: Sequence[Sequence[tf.Tensor]], inputs: tf.Tensor) -> tf.Tensor:
            return compute(lambda values: network.stateless_call(*weights, values, training=False)[0], inputs)

        self._run = run

    def of(self, arrays: Mapping[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        """The network with these weights, float32, given by their names in the file."""
        weights = [[tf.constant(arrays[name]) for name in names] for names in self._names]
        return lambda inputs: np.asarray(self._run(weights, tf.constant(inputs)))


@functools.lru_cache(maxsize=4)
def _compiled(latent_dim: int, image_shape: tuple[int, int, int], width: int) -> tuple[_Network, _Network]:
    """Generator, from latents to uint8, and critic, from uint8 to logits (N,)."""
    generator, critic = make_generator(latent_dim, image_shape, width), make_discriminator(image_shape, width)
    return (
        _Network(generator, lambda network, latents: to_uint8(network(latents))),
        _Network(critic, lambda network, images: network(to_float(images))[:, 0]),
    )
