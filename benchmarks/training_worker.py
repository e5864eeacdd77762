"""One contestant of the training benchmark in a process of its own: builds it, warms it up, trains on command.

`training.py` starts this module, with our Python or with the peers', and one JSON argument (`Setting`). It says one
JSON object a line on standard output: `{"ready": versions}`, or `{"missing": package}` when the contestant is not
installed there. Then each number on standard input is so many steps to run, answered by `{"losses": [...]}` when they
are done: the parent holds the watch. The end of standard input ends the process.

Imports frameworks inside functions: two of them never share a process, and thread counts come first.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common import versions

LATENT_DIM = 100
LEARNING_RATE, BETA_1 = 2e-4, 0.5  # Radford et al. 2016, section 3; GANexLib halves the discriminator's rate
GEMM_SIDE = 2048  # rows and columns: large enough to run at full rate
PACKAGES = ("tensorflow", "keras", "torch", "GANexLib", "numpy", "dcgan-augment")

Run = Callable[[int], list[float]]
"""Runs so many steps and, when they are done, gives the last losses (finite numbers show that it trained)."""


@dataclass(frozen=True)
class Setting:
    """What the parent asks for."""

    contestant: str
    """Key of `CONTESTANTS`."""
    options: dict[str, Any]
    """Keyword arguments of that contestant."""
    images: str
    """`.npy` of uint8 (n, H, W, C)."""
    width: int
    """Channels at the finest resolution."""
    batch_size: int
    """Images per step."""
    threads: int
    """Threads that one operation may use."""
    max_steps: int
    """Steps of one command, at most."""
    warm_up: int
    """Steps before `ready`: tracing, autotuning, memory."""


def main() -> None:
    """Serve one contestant until standard input ends."""
    # What a library prints must not mix with the protocol: standard output becomes standard error for everyone else.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    setting = Setting(**json.loads(sys.argv[1]))
    warnings.simplefilter("ignore")  # the peers' deprecated calls
    try:
        run = CONTESTANTS[setting.contestant](setting, **setting.options)
    except ModuleNotFoundError as error:
        channel.write(json.dumps({"missing": error.name}) + "\n")
        return
    run(setting.warm_up)
    channel.write(json.dumps({"ready": versions(PACKAGES)}) + "\n")
    for line in sys.stdin:
        channel.write(json.dumps({"losses": run(int(line))}) + "\n")


# Ours.


def ours(setting: Setting, *, everything: bool, precision: str) -> Run:
    """The fused stretch: one forward pass through both networks serves both losses, many steps in one compiled call.

    Drawing the batch from memory and the moving average (EMA) of the generator's weights are part of every stretch.
    `everything` adds what a job adds: augmentation, deterministic operations, and after every `log_steps` a check that
    all weights are finite, a copy of the whole state to go back to, and a line of losses in a journal. Left out is
    what a job does now and then: samples, scores, snapshots.
    """
    tf = _tensorflow(setting.threads, inter_op=1)  # as in dcgan.pipeline.worker
    if everything:
        tf.config.experimental.enable_op_determinism()
    run_steps, keep, log_steps = _our_stretch(setting, everything, precision)
    journal = tempfile.TemporaryFile("w", encoding="utf-8")  # noqa: SIM115 (open as long as the process)
    step = 0

    def run(num_steps: int) -> list[float]:
        nonlocal step
        end, losses = step + num_steps, []
        while step < end:
            count = min(log_steps, end - step) if everything else num_steps
            losses = [float(loss) for loss in run_steps(tf.constant(step, tf.int64), tf.constant(count, tf.int64))]
            step += count
            if everything:
                keep()
                journal.write(json.dumps({"step": step, "losses": losses}) + "\n")
                journal.flush()
        return losses

    return run


def _our_stretch(
    setting: Setting, everything: bool, precision: str
) -> tuple[Callable[[Any, Any], Any], Callable[[], Any], int]:
    """All that this benchmark knows of dcgan's insides.

    Returns:
        What runs steps, from (first step, number of steps) as int64 tensors to the mean losses; what a job does with
        the weights after each such call; and how many steps a job runs in one.
    """
    from dcgan.config import TrainingConfig  # noqa: PLC0415
    from dcgan.execution import randomness  # noqa: PLC0415
    from dcgan.networks.batches import Batches  # noqa: PLC0415
    from dcgan.training.gan import Gan  # noqa: PLC0415

    config = TrainingConfig(
        width=setting.width,
        latent_dim=LATENT_DIM,
        batch_size=setting.batch_size,
        learning_rate=LEARNING_RATE,
        augmentation=None if everything else (),  # None: the preset's
    ).resolve()
    images = np.load(setting.images)
    gan = Gan(config, images.shape[1:], precision=precision)
    gan.initialize(randomness.stream(0, "benchmark", "weights"))
    batches = Batches([images], stream=randomness.stream(0, "benchmark", "batch"))
    run_steps = gan.stretch(batches, 0, "benchmark")
    assert config.log_steps
    return run_steps, lambda: (gan.is_finite(), gan.arrays()), config.log_steps


# Peers on TensorFlow.


def ganexlib(setting: Setting, *, as_released: bool) -> Run:
    """GANexLib's own `_DCGAN` in `fit`, with the optimizers and loss of its `expand_dataset`.

    As released: its own networks (the same convolutions, but BatchNorm also in the discriminator's first layer, a bias
    before every BatchNorm, Dropout 0.3 before the sigmoid), and oneDNN off, since its import turns it off. Otherwise:
    `keras_networks`, and oneDNN on. 64 x 64 x 3 only.
    """
    threads = setting.threads
    if as_released:
        from GANexLib import core  # noqa: PLC0415

        _tensorflow(threads, inter_op=threads)
        generator, discriminator, loss = core._build_generator(), core._build_discriminator(), core.BinaryCrossentropy()
    else:
        tf = _tensorflow(threads, inter_op=threads)
        tf.matmul(tf.zeros((1, 1)), tf.zeros((1, 1)))  # from here on, an import cannot turn oneDNN off
        from GANexLib import core  # noqa: PLC0415

        generator, discriminator = keras_networks(setting)
        loss = core.BinaryCrossentropy(from_logits=True)
    keras = core.keras
    gan = core._DCGAN(generator, discriminator, input_dimension=LATENT_DIM)
    gan.compile(
        g_optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE, beta_1=BETA_1),
        d_optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE / 2, beta_1=BETA_1),
        loss_fn=loss,
    )
    images = _epoch(setting)

    def run(num_steps: int) -> list[float]:
        size = setting.batch_size
        history = gan.fit(images[: num_steps * size], epochs=1, batch_size=size, verbose=0).history
        return [history["d_loss"][-1], history["g_loss"][-1]]

    return run


def keras_two_pass(setting: Setting) -> Run:
    """`fit` with an overridden `train_step`, as the Keras GAN example has it: each network's step has its own tape.

    The discriminator's step generates images and judges real and generated ones; the generator's step generates
    and judges others.
    """
    tf = _tensorflow(setting.threads, inter_op=setting.threads)
    import keras  # noqa: PLC0415

    generator, discriminator = keras_networks(setting)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    class TwoPass(keras.Model):  # type: ignore[misc] # Keras has no types
        def __init__(self) -> None:
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.g_optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1)
            self.d_optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1)

        def train_step(self, images: Any) -> dict[str, Any]:
            size = tf.shape(images)[0]
            fakes = self.generator(tf.random.normal((size, LATENT_DIM)), training=True)
            with tf.GradientTape() as tape:
                on_real = self.discriminator(images, training=True)
                on_fake = self.discriminator(fakes, training=True)
                d_loss = bce(tf.ones_like(on_real), on_real) + bce(tf.zeros_like(on_fake), on_fake)
            gradients = tape.gradient(d_loss, self.discriminator.trainable_variables)
            self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_variables, strict=True))

            latents = tf.random.normal((size, LATENT_DIM))
            with tf.GradientTape() as tape:
                on_fake = self.discriminator(self.generator(latents, training=True), training=True)
                g_loss = bce(tf.ones_like(on_fake), on_fake)
            gradients = tape.gradient(g_loss, self.generator.trainable_variables)
            self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables, strict=True))
            return {"d_loss": d_loss, "g_loss": g_loss}

    gan = TwoPass()
    gan.compile(optimizer=None)
    dataset = _dataset(setting).repeat()

    def run(num_steps: int) -> list[float]:
        history = gan.fit(dataset, epochs=1, steps_per_epoch=num_steps, verbose=0).history
        return [history["d_loss"][-1], history["g_loss"][-1]]

    return run


def tensorflow_tutorial(setting: Setting) -> Run:
    """TensorFlow's DCGAN tutorial: a compiled step with two tapes over one forward pass, called from a Python loop."""
    tf = _tensorflow(setting.threads, inter_op=setting.threads)
    import keras  # noqa: PLC0415

    generator, discriminator = keras_networks(setting)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    g_optimizer, d_optimizer = (keras.optimizers.Adam(LEARNING_RATE, BETA_1) for _ in range(2))

    @tf.function
    def train_step(images: Any) -> tuple[Any, Any]:
        noise = tf.random.normal([setting.batch_size, LATENT_DIM])
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            fakes = generator(noise, training=True)
            on_real = discriminator(images, training=True)
            on_fake = discriminator(fakes, training=True)
            g_loss = bce(tf.ones_like(on_fake), on_fake)
            d_loss = bce(tf.ones_like(on_real), on_real) + bce(tf.zeros_like(on_fake), on_fake)
        g_gradients = gen_tape.gradient(g_loss, generator.trainable_variables)
        d_gradients = disc_tape.gradient(d_loss, discriminator.trainable_variables)
        g_optimizer.apply_gradients(zip(g_gradients, generator.trainable_variables, strict=True))
        d_optimizer.apply_gradients(zip(d_gradients, discriminator.trainable_variables, strict=True))
        return d_loss, g_loss

    batches = iter(_dataset(setting).repeat())

    def run(num_steps: int) -> list[float]:
        losses: tuple[Any, ...] = ()
        for _ in range(num_steps):
            losses = train_step(next(batches))
        return [float(loss) for loss in losses]

    return run


def keras_networks(setting: Setting) -> tuple[Any, Any]:
    """The paper's networks for 64 x 64 x 3 in plain layers: generator, and discriminator that ends in logits."""
    import keras  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    width = setting.width
    normal = keras.initializers.RandomNormal(0.0, 0.02)
    plain = {"kernel_size": 4, "strides": 2, "padding": "same", "kernel_initializer": normal}

    generator = keras.Sequential([keras.Input((LATENT_DIM,)), layers.Dense(4 * 4 * 8 * width, use_bias=False)])
    generator.add(layers.Reshape((4, 4, 8 * width)))
    for filters in (4 * width, 2 * width, width):
        generator.add(layers.BatchNormalization())
        generator.add(layers.ReLU())
        generator.add(layers.Conv2DTranspose(filters, use_bias=False, **plain))
    generator.add(layers.BatchNormalization())
    generator.add(layers.ReLU())
    generator.add(layers.Conv2DTranspose(3, activation="tanh", **plain))

    discriminator = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(width, **plain), layers.LeakyReLU(0.2)])
    for filters in (2 * width, 4 * width, 8 * width):
        discriminator.add(layers.Conv2D(filters, use_bias=False, **plain))
        discriminator.add(layers.BatchNormalization())
        discriminator.add(layers.LeakyReLU(0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dense(1, kernel_initializer=normal))
    return generator, discriminator


def _dataset(setting: Setting) -> Any:
    """Batches as the tutorials make them, all images in memory as floats."""
    import tensorflow as tf  # noqa: PLC0415

    dataset = tf.data.Dataset.from_tensor_slices(_floats(np.load(setting.images)))
    return dataset.shuffle(1024).batch(setting.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


# Peers on PyTorch.


def pytorch(setting: Setting, *, channels_last: bool, bfloat16: bool) -> Run:
    """PyTorch's official DCGAN example: its networks, initialization, losses, optimizers and order of work.

    Left out: its data loader (batches come from memory), printing, image grids and checkpoints; so every change is in
    its favour. Under bfloat16 autocast the loss is taken in float32, outside of it, as autocast demands of BCELoss.
    """
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    size, width = setting.batch_size, setting.width

    def up(channels_in: int, channels_out: int) -> list[Any]:
        convolution = nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=False)
        return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(True)]

    def down(channels_in: int, channels_out: int) -> list[Any]:
        convolution = nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=False)
        return [convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU(0.2, inplace=True)]

    def initialize(module: Any) -> None:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)

    net_g = nn.Sequential(
        nn.ConvTranspose2d(LATENT_DIM, 8 * width, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(True),
        *up(8 * width, 4 * width),
        *up(4 * width, 2 * width),
        *up(2 * width, width),
        nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    net_d = nn.Sequential(
        nn.Conv2d(3, width, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        *down(width, 2 * width),
        *down(2 * width, 4 * width),
        *down(4 * width, 8 * width),
        nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    )
    net_g, net_d = (net.apply(initialize).to(memory_format=layout) for net in (net_g, net_d))
    criterion = nn.BCELoss()
    optimizer_d = torch.optim.Adam(net_d.parameters(), lr=LEARNING_RATE, betas=(BETA_1, 0.999))
    optimizer_g = torch.optim.Adam(net_g.parameters(), lr=LEARNING_RATE, betas=(BETA_1, 0.999))

    images = torch.from_numpy(_floats(np.load(setting.images))).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    real_labels, fake_labels = torch.ones(size), torch.zeros(size)

    def judge(batch: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return net_d(batch)

    def loss_of(output: Any, labels: Any) -> Any:
        return criterion(output.view(-1).float(), labels)

    def run(num_steps: int) -> list[float]:
        losses: tuple[Any, ...] = ()
        for _ in range(num_steps):
            # (1) Discriminator: on real images, then on generated ones.
            net_d.zero_grad()
            loss_real = loss_of(judge(images[torch.randint(len(images), (size,))]), real_labels)
            loss_real.backward()
            noise = torch.randn(size, LATENT_DIM, 1, 1)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                fakes = net_g(noise)
            loss_fake = loss_of(judge(fakes.detach()), fake_labels)
            loss_fake.backward()
            optimizer_d.step()
            # (2) Generator: the same images before the discriminator as it is now.
            net_g.zero_grad()
            loss_g = loss_of(judge(fakes), real_labels)
            loss_g.backward()
            optimizer_g.step()
            losses = (loss_real + loss_fake, loss_g)
        return [loss.item() for loss in losses]

    return run


# The limit.


def gemm(setting: Setting, *, dtype: str) -> Run:
    """One step is one product of square matrices of `GEMM_SIDE`, in TensorFlow: a convolution at its best."""
    tf = _tensorflow(setting.threads, inter_op=1)
    factor = tf.cast(tf.random.normal((GEMM_SIDE, GEMM_SIDE), stddev=GEMM_SIDE**-0.5), dtype)

    @tf.function
    def multiply(left: Any) -> Any:
        return tf.matmul(left, factor)

    def run(num_steps: int) -> list[float]:
        product = factor
        for _ in range(num_steps):
            product = multiply(product)
        return [float(product[0, 0])]

    return run


def _tensorflow(threads: int, inter_op: int) -> Any:
    """TensorFlow with its thread counts set, before the first operation runs."""
    import tensorflow as tf  # noqa: PLC0415

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)
    return tf


def _floats(images: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 to float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1.0


def _epoch(setting: Setting) -> np.ndarray:
    """Float images for the longest command, drawn with replacement: (max_steps * batch_size, H, W, C)."""
    images = np.load(setting.images)
    rows = np.random.default_rng(0).integers(len(images), size=setting.max_steps * setting.batch_size)
    return _floats(images[rows])


CONTESTANTS: dict[str, Callable[..., Run]] = {
    "ours": ours,
    "ganexlib": ganexlib,
    "keras_two_pass": keras_two_pass,
    "tensorflow_tutorial": tensorflow_tutorial,
    "pytorch": pytorch,
    "gemm": gemm,
}

if __name__ == "__main__":
    main()
