"""`gate`: which classes ship."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dcgan.config.base import Augmentation, Model


class GateConfig(Model):
    """Which classes ship, on the evidence of held-out real images."""

    policy: Literal["report", "no_harm", "proven_gain"] = "no_harm"
    """report: ship all, say what was measured; no_harm: withhold a class whose recall is shown to fall;
    proven_gain: ship only classes whose recall is shown to rise."""
    augmentation: list[Augmentation] = Field(default=["translation", "brightness"])
    """Classical augmentation that every classifier is trained with, the one without synthetic images too."""
    mixup: bool = False
    """Also mix images, and their labels, wherever there is classical augmentation (Zhang et al. 2018). It can be worth
    more than synthetic images: whoever trains with it should measure with it."""
    classifier_steps: Annotated[int, Field(ge=1)] = 600
    """Optimizer steps of each classifier that measures utility."""
    classifier_seeds: Annotated[int, Field(ge=2)] = 5
    """Seeds that the classifiers are trained from, with and without the synthetic images."""
    classifier: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """Your own classifier, as `module:function`, importable where the job runs: a function without arguments that gives
    a `keras.Model` from images of 0 to 255 to logits or softmax, classes in the order of their names. null: a small
    convolutional network."""
