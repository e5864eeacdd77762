"""`gate`: which classes ship."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dcgan.config.base import Augmentation, Model

JUDGE_STEPS = 600


class GateConfig(Model):
    """Which classes ship, on the evidence of held-out real images."""

    policy: Literal["report", "no_harm", "proven_gain"] = "no_harm"
    """report: ship all, say what was measured; no_harm: withhold a class whose recall is shown to fall;
    proven_gain: ship only classes whose recall is shown to rise."""
    augmentation: list[Augmentation] = Field(default=["translation", "brightness"])
    """Classical augmentation that every classifier is trained with, the one without synthetic images too."""
    mixup: Literal["auto"] | bool = "auto"
    """Also mix images, and their labels (Zhang et al. 2018). auto: where validation images say so; true, false: always,
    never. It can be worth more than synthetic images."""
    recipes: list[list[Augmentation]] = Field(default=[])
    """Other classical augmentations to try in the place of `augmentation`, each a list, such as
    `[[translation, flip]]`. Each one more lengthens the choice of the recipe by as much as it takes now."""
    classifier_steps: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Optimizer steps of each classifier that measures utility. auto: by the number of real images, so that the
    classifier learns what there is to learn."""
    classifier_seeds: Annotated[int, Field(ge=2)] = 5
    """Seeds that the classifiers are trained from, with and without the synthetic images."""
    classifier: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """Your own classifier, as `module:function`, importable where the job runs: a function without arguments that gives
    a `keras.Model` from images of 0 to 255 to logits or softmax, classes in the order of their names. null: a small
    convolutional network."""

    @property
    def judge_steps(self) -> int:
        """Optimizer steps of the classifiers that judge single images: enough to tell how sure one can be of them."""
        return JUDGE_STEPS if self.classifier_steps == "auto" else self.classifier_steps
