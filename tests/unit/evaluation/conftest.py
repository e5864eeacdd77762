"""Points of a feature space with known relations to each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Normal = Callable[..., np.ndarray]


@pytest.fixture
def normal() -> Normal:
    """Draws points of a normal distribution: (count, dimensions)."""
    draws = np.random.default_rng(7)
    return lambda count, dimensions=8, mean=0.0: draws.normal(mean, 1, (count, dimensions))


@pytest.fixture
def draws() -> np.random.Generator:
    """For a metric's own draws."""
    return np.random.default_rng(0)
