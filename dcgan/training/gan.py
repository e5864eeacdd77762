"""One GAN's whole state, and the compiled loop that moves it on by many steps in one call."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTraining
from dcgan.execution import randomness
from dcgan.networks import architecture
from dcgan.networks.adam import FusedAdam
from dcgan.networks.architecture import make_discriminator, make_generator
from dcgan.networks.augmentation import augment
from dcgan.networks.batches import Batches, spec_of_batches, to_uint8

BETA_1 = 0.5  # Radford et al. 2016, section 3; Adam's default of 0.9 oscillates here

# Takes the first step's number and how many steps to run; gives the mean losses (discriminator, generator).
Stretch = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Gan:
    """Generator, discriminator, both optimizers, and the moving average (EMA) of the generator's weights.

    Its loop is compiled once, which takes as long as some hundred steps of small networks. One training after the other
    uses it, each starting from fresh weights.
    """

    def __init__(
        self,
        config: ResolvedTraining,
        image_shape: tuple[int, int, int],
        precision: str = "float32",
    ) -> None:
        """Build the networks without compiling them. `initialize`, `start_from` or `restore` sets the weights.

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
        self.generator_optimizer = FusedAdam(config.learning_rate, BETA_1, name="adam")
        self.discriminator_optimizer = FusedAdam(config.learning_rate, BETA_1, name="adam")
        # Optimizers have no variables until they are built, and `restore` would skip them.
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self._config = config
        networks = (*self.generator.weights, *self.discriminator.weights)
        self._begins = [(one, one.numpy()) for one in networks if not one.path.endswith("kernel")]
        self._run_steps = self._compiled(image_shape)
        self._sample = tf.function(lambda latents: to_uint8(self.ema(latents, training=False)), reduce_retracing=True)

    def initialize(self, stream: int) -> None:
        """Set every weight from a stateless draw of N(0, 0.02), biases to 0, norms to their start (section 3)."""
        for variable, begin in self._begins:
            variable.assign(begin)
        for number, variable in enumerate(self.generator.weights + self.discriminator.weights):
            if variable.path.endswith("kernel"):
                seed = tf.constant([stream, number], tf.int64)
                variable.assign(tf.random.stateless_normal(variable.shape, seed, stddev=0.02, alg="philox"))
        self.ema.set_weights(self.generator.get_weights())

    def start_from(self, arrays: Mapping[str, np.ndarray], latents: tf.Tensor, images: tf.Tensor) -> None:
        """Take over the networks of a shared base, with the statistics of one class in every BatchNorm.

        The base's statistics are those of all classes together; a class's batches have others. Scale and offset make up
        for the difference, so that the first steps begin with what the base has learnt.

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
        """Whether every weight is finite."""
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
        """Set the whole state from what `arrays` returned.

        Raises:
            ValueError: names or shapes differ from this GAN's.
        """
        if set(arrays) != set(self._variables()):
            raise ValueError("the snapshot was written by networks of another form")
        self._assign(arrays)

    def show(self, generator: Mapping[str, np.ndarray]) -> None:
        """Use another generator for images in place of the moving average, by `ema_arrays`' names; {}: keep it."""
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

    def sample(self, latents: tf.Tensor) -> np.ndarray:
        """Images of the EMA generator, uint8 (N, H, W, C), for latents (N, latent_dim)."""
        images: np.ndarray = self._sample(latents).numpy()
        return images

    def stretch(self, batches: Batches, seed: int, label: str) -> Stretch:
        """The training loop, for the given images.

        Args:
            batches: where real images are drawn from.
            seed: the job's.
            label: class name, or the base's; names the streams of draws.
        """
        purposes = ("latent in training", "augment real", "augment fake")
        streams = tf.constant([randomness.stream(seed, label, purpose) for purpose in purposes], tf.int64)
        return functools.partial(self._run_steps, batches, streams)

    def _compiled(self, image_shape: tuple[int, int, int]) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """The training loop, from batches, streams of draws, and what a `Stretch` takes."""
        config, generator, discriminator = self._config, self.generator, self.discriminator
        size, kinds = config.batch_size, config.augmentation

        def train_step(batches: Batches, streams: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_latents, of_real, of_fake = tf.unstack(streams)
            images, _ = batches.draw(step, size)
            latents = tf.random.stateless_normal((size, config.latent_dim), tf.stack([of_latents, step]), alg="philox")
            with tf.GradientTape(persistent=True) as tape:
                # One forward pass through both networks serves both losses (non-saturating, Goodfellow et al. 2014).
                fakes = _float32(generator(latents, training=True))
                seen_real = augment(images, kinds, of_real, step)
                seen_fake = augment(fakes, kinds, of_fake, step)
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
            decay = tf.minimum(config.ema_decay, (1.0 + past) / (10.0 + past))
            for average, weight in zip(self.ema.weights, generator.weights, strict=True):
                average.assign(weight + decay * (average - weight))
            return d_loss, g_loss

        number = tf.TensorSpec((), tf.int64)

        @tf.function(input_signature=[spec_of_batches(image_shape), tf.TensorSpec((3,), tf.int64), number, number])
        def run(
            batches: Batches, streams: tf.Tensor, first: tf.Tensor, count: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            d_sum = g_sum = tf.constant(0.0)
            for step in tf.range(first, first + count):
                d_loss, g_loss = train_step(batches, streams, step)
                d_sum, g_sum = d_sum + d_loss, g_sum + g_loss
            return d_sum / tf.cast(count, tf.float32), g_sum / tf.cast(count, tf.float32)

        compiled: Callable[..., tuple[tf.Tensor, tf.Tensor]] = run
        return compiled


@functools.lru_cache(maxsize=1)
def gan(config: ResolvedTraining, image_shape: tuple[int, int, int], precision: str) -> Gan:
    """This process's `Gan` of such networks. A training that begins takes it from the one before."""
    return Gan(config, image_shape, precision)


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
