"""The fused Adam makes Keras's updates."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from dcgan.networks.adam import FusedAdam

SHAPES = ((5, 3), (3,), (2, 2, 4, 6))


def updated(kind: type[keras.optimizers.Optimizer], steps: int) -> list[np.ndarray]:
    """What variables and optimizer come to after some steps with the same gradients, inside a compiled function."""
    draws = np.random.default_rng(0)
    variables = [keras.Variable(draws.normal(size=shape).astype(np.float32)) for shape in SHAPES]
    optimizer = kind(1e-2, beta_1=0.5)
    optimizer.build(variables)

    @tf.function
    def step(gradients: list[tf.Tensor]) -> None:
        optimizer.apply(gradients, variables)

    for _ in range(steps):
        step([tf.constant(draws.normal(size=shape).astype(np.float32)) for shape in SHAPES])
    return [np.asarray(variable) for variable in (*variables, *optimizer.variables)]


def test_updates_are_those_of_keras() -> None:
    for fused, expected in zip(updated(FusedAdam, 20), updated(keras.optimizers.Adam, 20), strict=True):
        np.testing.assert_allclose(fused, expected, rtol=1e-5, atol=1e-6)


def test_every_step_moves_every_variable() -> None:
    for once, twice in zip(updated(FusedAdam, 1)[: len(SHAPES)], updated(FusedAdam, 2)[: len(SHAPES)], strict=True):
        assert (once != twice).all()
