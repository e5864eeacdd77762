"""Points of a feature space with known relations to each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import parse_job
from dcgan.evaluation.metrics.subject import Sample, Subject, Whole
from dcgan.execution.progress import no_report

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


def subject(train: np.ndarray, holdout: np.ndarray, synthetic: np.ndarray, label: str = "a", seed: int = 0) -> Subject:
    """A class of these features, (N, D) each, whose images nobody looks at."""
    values = {"name": "j", "data": {"source": "images"}, "generation": {"seed": seed}}
    samples = [Sample(np.zeros((len(of_kind), 8, 8, 1), np.uint8), of_kind) for of_kind in (train, holdout, synthetic)]
    whole = Whole(
        job=parse_job(values, where="test").resolve(Path()),
        labels=[label],
        train=samples[:1],
        holdout=samples[1:2],
        synthetic=samples[2:],
        on_progress=no_report,
    )
    return Subject(whole=whole, label=label, train=samples[0], holdout=samples[1], synthetic=samples[2])
