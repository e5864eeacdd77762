"""How certain a difference is: bootstrap intervals, standard errors, p-values, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.run.proof import NUM_BOOTSTRAPS

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A mean difference, with its bootstrap."""

    mean: float
    low: float
    high: float
    """Ends of the 95 % percentile interval."""
    p_value: float
    """Two-sided, for no difference: twice the smaller share of bootstrap means on either side of 0."""

    @property
    def error(self) -> float:
        """Standard error, by the width of the interval."""
        return (self.high - self.low) / (2 * 1.96)


def difference(groups: Sequence[np.ndarray], draws: np.random.Generator) -> Difference:
    """The mean over groups of each group's mean, resampled over seeds, and over images within groups.

    Args:
        groups: per class (seeds, images), each value -1, 0 or 1; the same number of seeds in all.
        draws: for the bootstrap.
    """
    (means,) = bootstrap([groups], draws)
    return summarized(means, float(np.mean([group.mean() for group in groups])))


def bootstrap(quantities: Sequence[Sequence[np.ndarray]], draws: np.random.Generator) -> list[np.ndarray]:
    """Bootstrap means of several quantities, each time with the same seeds and images drawn for all of them.

    Args:
        quantities: the groups of each quantity, as for `difference`; the same shapes in all.
        draws: of the seeds, and of the images within groups.

    Returns:
        For each quantity its bootstrap means (NUM_BOOTSTRAPS,).
    """
    num_seeds = len(quantities[0][0])
    # By how often each seed and each image is drawn, all bootstrap samples of a group are one matrix product.
    seeds = draws.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), NUM_BOOTSTRAPS)
    means = np.zeros((len(quantities), NUM_BOOTSTRAPS))
    for of_group in zip(*quantities, strict=True):
        size = of_group[0].shape[1]
        images = draws.multinomial(size, np.full(size, 1 / size), NUM_BOOTSTRAPS)
        means += [((seeds @ values) * images).sum(1) / (num_seeds * size) for values in of_group]
    return list(means / len(quantities[0]))


def summarized(means: np.ndarray, mean: float) -> Difference:
    """A mean, with the interval and p-value that its bootstrap means (N,) give."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    above, below = (means >= 0).mean(), (means <= 0).mean()
    # A bootstrap of 2,000 cannot show a probability smaller than 1 in 2,000.
    p_value = min(1.0, 2 * max(min(above, below), 1 / NUM_BOOTSTRAPS))
    return Difference(mean, float(low), float(high), float(p_value))


def balanced(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The mean over classes of each class's mean, and its standard error over the draw of images in each class.

    Args:
        values: (N,), for instance whether each image was recognised.
        truth: class numbers (N,).
    """
    groups = [values[truth == number] for number in np.unique(truth)]
    error = math.sqrt(sum(group.var() / len(group) for group in groups)) / len(groups)
    return float(np.mean([group.mean() for group in groups])), error


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values (Holm 1979): the chance of any false positive below 0.05 in the family is at most 0.05."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted
