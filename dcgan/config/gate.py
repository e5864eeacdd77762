"""`gate`: which classes ship."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dcgan.config.base import USUAL_AUGMENTATION, Augmentation, Model

JUDGE_STEPS = 600


class GateConfig(Model):
    """Which classes ship, on the evidence of held-out real images."""

    policy: Literal["report", "no_harm", "proven_gain"] = "no_harm"
    """`report`: ship all classes and state what was measured. `no_harm`: withhold a class whose recall is shown to
    fall, and all classes if balanced accuracy is shown to. `proven_gain`: of what `no_harm` ships, only the classes
    whose recall is shown to rise."""
    augmentation: list[Augmentation] = Field(default=[*USUAL_AUGMENTATION])
    """Classical augmentation of every classifier, with or without synthetic images."""
    mixup: Literal["auto"] | bool = "auto"
    """Mixed pairs of images and labels (Zhang et al. 2018). `auto`: where validation images say so. `true`, `false`:
    always, never."""
    recipes: list[list[Augmentation]] = Field(default=[])
    """Other classical augmentations to try in the place of `gate.augmentation`, each a list: `[[translation,
    brightness, rotation, elastic]]`, where an image that is turned and bent a little is still of its class. With each
    one, three more classifiers choose the recipe, or six where `gate.mixup` is `auto`."""
    classifier_steps: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Optimizer steps of each classifier that measures utility; those that choose the recipe take two thirds. `auto`:
    2,000 to 6,000, by the number of real images. A number also holds for the judge, which else takes 600; the three
    classifiers that score steps take a third of the judge's."""
    classifier_seeds: Annotated[int, Field(ge=2)] = 5
    """Number of seeds that classifiers of each kind are trained with."""
    classifier: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """Your own classifier, as `module:function`, importable where the job runs. The function takes no arguments and
    returns a `keras.Model` that maps images of 0 to 255 to logits or softmax, with classes in the order of their names.
    `null`: a small convolutional network."""

    @property
    def judge_steps(self) -> int:
        """Optimizer steps of the classifiers that judge single images: enough to tell how sure one can be of them."""
        return JUDGE_STEPS if self.classifier_steps == "auto" else self.classifier_steps
