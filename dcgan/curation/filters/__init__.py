"""What makes a candidate unfit: a file for each filter, and their order here.

To add one, write its file and name it in `FILTERS`; see docs/contributing/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages, flat, pixel_hash
from dcgan.curation.filters.blank import BLANK
from dcgan.curation.filters.blurred import BLURRED
from dcgan.curation.filters.copies import COPY
from dcgan.curation.filters.label import LABEL
from dcgan.curation.filters.nearest import Nearest
from dcgan.curation.filters.outlier import OUTLIER
from dcgan.errors import ConfigError

__all__ = [
    "BY_NAME", "CRITIC", "FILTERS", "Candidates", "Filter", "Filters", "Limits", "Nearest", "RealImages", "flat",
    "needs_folds", "pixel_hash", "require", "thresholds", "without_real_images",
]  # fmt: skip

DUPLICATE = Filter("duplicate", "the same pixels as an accepted image", by_itself=True)  # found by `Filters`
FILTERS = (BLANK, BLURRED, COPY, LABEL, OUTLIER, DUPLICATE)
"""Everything that `curation.filters` may name. If there are several reasons against a candidate, the first counts."""
BY_NAME = {one.name: one for one in FILTERS}
CRITIC = "critic"  # the reason against what `curation.critic_share` leaves out; its limit comes from candidates


def require(names: Iterable[str]) -> None:
    """Check that these filters exist.

    Raises:
        ConfigError: one does not; the message lists those that do.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        known = "; ".join(f"{one.name}: {one.rejects_what}" for one in FILTERS)
        raise ConfigError(f"curation.filters: there is no filter {', '.join(map(repr, unknown))}; known are {known}")


def needs_folds(names: Iterable[str]) -> bool:
    """Whether one of these filters needs `other_class`."""
    return any(BY_NAME[name].needs_folds for name in names)


def without_real_images(names: Iterable[str]) -> list[str]:
    """Those of these filters that look at nothing but the candidate."""
    return [name for name in names if BY_NAME[name].by_itself]


def thresholds(real: RealImages, names: Iterable[str]) -> dict[str, float]:
    """One class's thresholds for these filters, as they are recorded."""
    return {name: limit for one in FILTERS if one.name in set(names) for name, limit in one.limits(real).items()}


class Filters:
    """The filters of one class. Each candidate is compared only with those of smaller index, which come before it."""

    def __init__(self, limits: Limits, names: Sequence[str], copies_of: Iterable[np.ndarray] = ()) -> None:
        """Set up.

        Args:
            limits: see `thresholds`.
            names: filters to apply.
            copies_of: images uint8 (H, W, C) that no candidate may equal, whatever the distances say.
        """
        self._limits = limits
        self._filters = [one for one in FILTERS if one.name in names]
        self._names = set(names)
        self._others = {pixel_hash(image) for image in copies_of}
        self._seen = np.empty(0, np.int64)  # sorted; a set of Python's would take ten times the memory
        self._new: set[int] = set()

    def have_seen(self, hashes: np.ndarray) -> None:
        """Treat candidates as accepted before, given their `pixel_hash`, int64 (N,)."""
        self._seen = np.union1d(self._seen, hashes)
        self._new.clear()

    def forget(self) -> None:
        """Treat no candidate as accepted before."""
        self._seen = self._seen[:0]
        self._new.clear()

    def duplicates(self, hashes: np.ndarray) -> np.ndarray:
        """Which candidates, each examined independently, equal accepted ones: bool (N,)."""
        if DUPLICATE.name not in self._names:
            return np.zeros(len(hashes), bool)
        return np.isin(hashes, self._seen)

    def reasons(self, candidates: Candidates) -> list[str]:
        """Why each candidate is rejected: the first reason that applies, or ""."""
        found = {one.name: one.rejects(candidates, self._limits) for one in self._filters}
        if candidates.critic_scores is not None:
            found[CRITIC] = candidates.critic_scores < self._limits[CRITIC]
        reasons = [""] * len(candidates.images)
        for name in reversed(found):
            for row in np.flatnonzero(found[name]):
                reasons[row] = name
        return [
            reason or self._same_pixels(content) for reason, content in zip(reasons, candidates.hashes, strict=True)
        ]

    def _same_pixels(self, content: int) -> str:
        """The reason against pixels that a real image or an accepted candidate has too; else ""."""
        if COPY.name in self._names and content in self._others:
            return COPY.name
        if DUPLICATE.name in self._names:
            place = int(np.searchsorted(self._seen, content))
            if content in self._new or (place < len(self._seen) and self._seen[place] == content):
                return DUPLICATE.name
            self._new.add(content)
        return ""
