"""Ways to spoil real images by a known amount, for `gate.py`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

Spoil = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""From images uint8 (N, H, W, C), more than as many of other classes, and draws, to N images."""


def noise(deviation: float) -> Spoil:
    """Normal noise on every value."""

    def spoil(images: np.ndarray, _: np.ndarray, draws: np.random.Generator) -> np.ndarray:
        return np.clip(images + draws.normal(0, deviation, images.shape), 0, 255).astype(np.uint8)

    return spoil


def blur(radius: float) -> Spoil:
    """A Gaussian blur, in px."""

    def spoil(images: np.ndarray, _: np.ndarray, __: np.random.Generator) -> np.ndarray:
        pictures = (Image.fromarray(image.squeeze()).filter(ImageFilter.GaussianBlur(radius)) for image in images)
        return np.stack([np.asarray(picture) for picture in pictures]).reshape(images.shape)

    return spoil


def contrast(factor: float) -> Spoil:
    """Contrast around mid-grey; below 0 it is inverted."""

    def spoil(images: np.ndarray, _: np.ndarray, __: np.random.Generator) -> np.ndarray:
        return np.clip((images.astype(float) - 127.5) * factor + 127.5, 0, 255).astype(np.uint8)

    return spoil


def few(count: int) -> Spoil:
    """The same few images again and again."""
    return lambda images, _, __: np.resize(images[:count], images.shape)


def others(share: float) -> Spoil:
    """A share of the images is of other classes."""

    def spoil(images: np.ndarray, foreign: np.ndarray, draws: np.random.Generator) -> np.ndarray:
        count = round(share * len(images))
        wrong = foreign[draws.choice(len(foreign), count, replace=False)]
        return np.concatenate([images[count:], wrong])

    return spoil


KINDS: dict[str, Spoil] = {
    "as they are": noise(0),
    "noise, deviation 20": noise(20),
    "noise, deviation 60": noise(60),
    "noise, deviation 120": noise(120),
    "blur, 1 px": blur(1),
    "blur, 2 px": blur(2),
    "blur, 4 px": blur(4),
    "contrast 0.7": contrast(0.7),
    "contrast 0.3": contrast(0.3),
    "inverted": contrast(-1),
    "10 images repeated": few(10),
    "10 % of other classes": others(0.1),
    "30 % of other classes": others(0.3),
    "60 % of other classes": others(0.6),
    "all of other classes": others(1),
    "30 % of one other class": others(0.3),
    "60 % of one other class": others(0.6),
    "all of one other class": others(1),
}
"""What is done to real images: of most, a name says how much."""
