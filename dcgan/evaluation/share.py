"""How much of what a classifier learns of a class should be synthetic: measured so, and recommended so."""

from __future__ import annotations

MAX_SHARE = 0.5  # of a class's draws that are synthetic, when it has hardly any real images


def synthetic_share(num_real: int, num_synthetic: int) -> float:
    """Share of a class's draws that are synthetic, 0 to `MAX_SHARE`: the rarer the class, the more.

    Drawn as often as there are images, a class of 20 real images that is filled up to 400 would be 95 % synthetic, and
    what a classifier learns of it would be what the GAN makes of it.
    """
    return MAX_SHARE * num_synthetic / (num_real + num_synthetic) if num_synthetic else 0.0
