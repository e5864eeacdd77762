"""One GAN's whole state, and the compiled loop that moves it on by many steps in one call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTraining
from dcgan.execution import randomness
from dcgan.networks import architecture
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.augmentation import augment
from dcgan.networks.batches import Batches

BETA_1 = 0.5  # Radford et al. 2016, section 3; Adam's default of 0.9 oscillates here

# Takes the first step's number and how many steps to run; gives the mean losses (discriminator, generator).
Stretch = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Gan:
    """Generator, discriminator, both optimizers, and the moving average (EMA) of the generator's weights."""

    def __init__(
        self,
        config: ResolvedTraining,
        image_shape: tuple[int, int, int],
        precision: str = "float32",
    ) -> None:
        """Build everything; weights are set by `initialize`, `start_from` or `restore`.

        Args:
            config: resolved.
            image_shape: (H, W, C).
            precision: "float32", or "bfloat16" to compute forward and backward passes in. Weights, losses, optimizers
                and the images that the EMA makes are float32 all the same.
        """
        with _computing_in(precision):
            self.generator = make_generator(config.latent_dim, image_shape, config.width)
            self.discriminator = make_discriminator(image_shape, config.width)
        self.ema = make_generator(config.latent_dim, image_shape, config.width)
        self.generator_optimizer = keras.optimizers.Adam(config.learning_rate, BETA_1, name="adam")
        self.discriminator_optimizer = keras.optimizers.Adam(config.learning_rate, BETA_1, name="adam")
        # Optimizers that are not built have no variables, and a restore would pass them over.
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def initialize(self, stream: int) -> None:
        """Set every weight from a stateless draw of N(0, 0.02), biases to 0, norms to their start (section 3)."""
        for number, variable in enumerate(self.generator.weights + self.discriminator.weights):
            if variable.path.endswith("kernel"):
                seed = tf.constant([stream, number], tf.int64)
                variable.assign(tf.random.stateless_normal(variable.shape, seed, stddev=0.02, alg="philox"))
        self.ema.set_weights(self.generator.get_weights())

    def start_from(self, arrays: Mapping[str, np.ndarray], latents: tf.Tensor, images: tf.Tensor) -> None:
        """Take over the networks of a shared base, with the statistics of one class in every BatchNorm.

        The base's statistics are those of all classes together, and a class's batches have others; scale and offset
        take up the difference, so that the first steps begin with what the base had learnt.

        Args:
            arrays: generator and discriminator, by name.
            latents: float32 (N, latent_dim), some hundred.
            images: float32 (M, H, W, C) of the class in [-1, 1], some hundred.
        """
        self._assign(
            {name: array for name, array in arrays.items() if name.startswith(("generator/", "discriminator/"))}
        )
        fakes = self.generator(latents, training=False)
        for network, seen in ((self.generator, [latents]), (self.discriminator, [images, _float32(fakes)])):
            architecture.take_statistics(network, seen)
        self.ema.set_weights(self.generator.get_weights())

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set Adam's step size for both networks."""
        self.generator_optimizer.learning_rate = learning_rate
        self.discriminator_optimizer.learning_rate = learning_rate

    def reset_optimizers(self) -> None:
        """Forget the optimizers' moments and step counts."""
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for variable in optimizer.variables:
                variable.assign(np.zeros(variable.shape))

    def num_parameters(self) -> int:
        """Of generator and discriminator."""
        return int(self.generator.count_params() + self.discriminator.count_params())

    def is_finite(self) -> bool:
        """Whether every weight is a number."""
        weights = self.generator.weights + self.discriminator.weights
        return all(bool(tf.reduce_all(tf.math.is_finite(variable.value))) for variable in weights)

    def arrays(self) -> dict[str, np.ndarray]:
        """The whole state, as arrays by name."""
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def ema_arrays(self) -> dict[str, np.ndarray]:
        """The EMA generator under the name of generator: what makes images."""
        return {f"generator/{variable.path}": variable.numpy() for variable in self.ema.weights}

    def critic_arrays(self) -> dict[str, np.ndarray]:
        """The discriminator: what scores single images."""
        return {f"discriminator/{variable.path}": variable.numpy() for variable in self.discriminator.weights}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Undo `arrays`.

        Raises:
            ValueError: when names or shapes differ from this GAN's.
        """
        if set(arrays) != set(self._variables()):
            raise ValueError("the snapshot was written by networks of another form")
        self._assign(arrays)

    def show(self, generator: Mapping[str, np.ndarray]) -> None:
        """Make images by another generator than the moving average came to, by `ema_arrays`' names; {}: by none."""
        self._assign({name.replace("generator/", "ema/", 1): array for name, array in generator.items()})

    def _assign(self, arrays: Mapping[str, np.ndarray]) -> None:
        variables = self._variables()
        for name, array in arrays.items():
            variables[name].assign(array)

    def _variables(self) -> dict[str, keras.Variable]:
        parts = {
            "generator": self.generator.weights,
            "discriminator": self.discriminator.weights,
            "ema": self.ema.weights,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }
        return {f"{part}/{variable.path}": variable for part, of in parts.items() for variable in of}

    def sample(self, latents: tf.Tensor) -> tf.Tensor:
        """Images of the EMA generator for latents (N, latent_dim)."""
        return self.ema(latents, training=False)

    def stretch(self, config: ResolvedTraining, batches: Batches, seed: int, label: str) -> Stretch:
        """Compile the training loop.

        Args:
            config: resolved.
            batches: where real images are drawn from.
            seed: the job's.
            label: class name, or the base's; names the streams of draws.
        """
        size, latent_dim, decay = config.batch_size, config.latent_dim, config.ema_decay
        kinds = config.augmentation or []
        latent_stream, real_stream, fake_stream = (
            randomness.stream(seed, label, purpose)
            for purpose in ("latent in training", "augment real", "augment fake")
        )
        generator, discriminator = self.generator, self.discriminator

        def train_step(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images, _ = batches.draw(step, size)
            latents = tf.random.stateless_normal((size, latent_dim), tf.stack([latent_stream, step]), alg="philox")
            with tf.GradientTape(persistent=True) as tape:
                # One forward pass through both networks serves both losses (non-saturating, Goodfellow et al. 2014).
                fakes = _float32(generator(latents, training=True))
                seen_real = augment(images, kinds, real_stream, step)
                seen_fake = augment(fakes, kinds, fake_stream, step)
                on_real = _float32(discriminator(seen_real, training=True))
                on_fake = _float32(discriminator(seen_fake, training=True))
                d_loss = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))
                g_loss = tf.reduce_mean(tf.nn.softplus(-on_fake))
            d_gradients = tape.gradient(d_loss, discriminator.trainable_variables)
            g_gradients = tape.gradient(g_loss, generator.trainable_variables)
            self.discriminator_optimizer.apply(d_gradients, discriminator.trainable_variables)
            self.generator_optimizer.apply(g_gradients, generator.trainable_variables)
            # The average reaches back over at most a tenth of the steps so far: it should forget where it began.
            past = tf.cast(step, tf.float32)
            warm_decay = tf.minimum(decay, (1.0 + past) / (10.0 + past))
            for average, weight in zip(self.ema.weights, generator.weights, strict=True):
                average.assign(weight + warm_decay * (average - weight))
            return d_loss, g_loss

        @tf.function(reduce_retracing=True)
        def run(first: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            d_sum = g_sum = tf.constant(0.0)
            for step in tf.range(first, first + count):
                d_loss, g_loss = train_step(step)
                d_sum, g_sum = d_sum + d_loss, g_sum + g_loss
            return d_sum / tf.cast(count, tf.float32), g_sum / tf.cast(count, tf.float32)

        compiled: Stretch = run
        return compiled


@contextlib.contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Keras layers made in the block compute in `precision`; their weights are float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _float32(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32)
