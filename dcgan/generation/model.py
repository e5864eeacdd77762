"""A trained class: candidates by index, and what its discriminator thinks of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import GenerationConfig, TrainingConfig
from dcgan.execution import randomness
from dcgan.files import storage
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.batches import to_float, to_uint8

# Candidates are made so many at a time, always, also when only one is wanted: a convolution's last bit can change
# with the batch size. A constant of the format: changing it changes every image.
CHUNK = 64


class Model:
    """Generator and critic of one class. Candidate i depends on (seed, class, i) and the weights only."""

    def __init__(self, file: Path, config: TrainingConfig, image_shape: tuple[int, int, int]) -> None:
        """Load `model.npz`.

        Args:
            file: as training wrote it.
            config: resolved; the one that it was trained by.
            image_shape: (H, W, C).
        """
        assert config.latent_dim and config.width
        content = file.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.latent_dim = config.latent_dim
        arrays = storage.unpack_arrays(content)
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


def _with_weights(network: keras.Model, arrays: dict[str, np.ndarray]) -> keras.Model:
    """Put the arrays named after a network into it."""
    for variable in network.weights:
        variable.assign(arrays[f"{network.name}/{variable.path}"])
    return network
