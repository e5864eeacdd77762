"""What makes a candidate unfit, whatever the classifier thinks of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BLANK_SHARE = 0.25  # of the flattest real image's contrast: no real image is nearly as empty


class Filters:
    """Filters of one class. A candidate is judged after all candidates of smaller index, and only against them."""

    def __init__(self, min_contrast: float, copies_of: Iterable[np.ndarray]) -> None:
        """Set thresholds.

        Args:
            min_contrast: standard deviation of all values under which an image is blank, 0 to 127.5.
            copies_of: images uint8 (H, W, C) that no candidate may equal.
        """
        self.min_contrast = min_contrast
        self._others = {image.tobytes() for image in copies_of}
        self._seen: set[bytes] = set()

    @classmethod
    def from_real(cls, real: np.ndarray) -> Filters:
        """Take thresholds from the class's real images, training and held-out, uint8 (n, H, W, C)."""
        return cls(float(BLANK_SHARE * min(image.std() for image in real)), real)

    def reason_against(self, image: np.ndarray) -> str | None:
        """Why a candidate, uint8 (H, W, C), is rejected: "blank", "copy", "duplicate", or None when it is not."""
        content = image.tobytes()
        if image.std() < self.min_contrast:
            return "blank"
        if content in self._others:
            return "copy"
        if content in self._seen:
            return "duplicate"
        self._seen.add(content)
        return None


class NearestReal:
    """The nearest real training image, by root mean square difference of pixels in [0, 1]."""

    def __init__(self, real: np.ndarray) -> None:
        """Take the class's real training images, uint8 (n, H, W, C)."""
        self._real = _flat(real)
        self._norms = (self._real**2).sum(1)

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For uint8 (N, H, W, C): distances float32 (N,) from 0 to 1, and rows int64 (N,) of the nearest."""
        flat = _flat(images)
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab finds the row; the distance itself is taken without that cancellation.
        rows = (self._norms[None] - 2 * flat @ self._real.T).argmin(1)
        return np.sqrt(((flat - self._real[rows]) ** 2).mean(1)), rows


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255
