"""`generation`: how many images of which class."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from dcgan.config.base import Count, Model
from dcgan.errors import ConfigError


class GenerationConfig(Model):
    """How many images of which class. At most one of per_class (as one number), balance and ratio."""

    per_class: Count | dict[str, Count] | None = None
    """Images to make: a number for every class, or a number by class name, such as `{cat: 200, dog: 0}`."""
    balance: Literal["max", "median"] | Count | None = None
    """Fill every class up to a target, counting its real training images: `max` (the largest class), `median`, or a
    number of images. If none of the three is given, it is `max`."""
    ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Synthetic images per real training image. Rounded to whole images."""
    truncation: Annotated[float, Field(ge=0.25)] | None = None
    """Each component of a latent vector is drawn again until it is within this many standard deviations (Brock et al.
    2019, section 3.1): fewer odd images, less variety. `null`: no truncation."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of every random draw in the job."""

    @field_validator("per_class", mode="before")
    @classmethod
    def _names_are_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # YAML reads the name of a class called 7 as a number.
        if twice := sorted({str(name) for name in value if type(name) is int} & value.keys()):
            raise ValueError(f"the class {twice[0]!r} is named twice, as a number and as text: keep one of them")
        return {str(name) if type(name) is int else name: count for name, count in value.items()}

    @model_validator(mode="after")
    def _one_rule(self) -> GenerationConfig:
        rules = [
            name
            for name, given in (
                ("per_class", isinstance(self.per_class, int)),
                ("balance", self.balance is not None),
                ("ratio", self.ratio is not None),
            )
            if given
        ]
        if len(rules) > 1:
            raise ValueError(f"{' and '.join(rules)} cannot both say how many images to make: keep one of them")
        if self.per_class == 0 or (isinstance(self.per_class, dict) and not any(self.per_class.values())):
            raise ValueError("per_class asks for 0 images, so there is nothing to do: ask for at least 1")
        return self

    def asks_for(self, label: str) -> bool:
        """Whether images of this class are wanted, if it has too few."""
        by_name = self.per_class if isinstance(self.per_class, dict) else {}
        return by_name.get(label, 0 if by_name and self.balance is None and self.ratio is None else 1) > 0

    def amounts(self, num_train: Mapping[str, int]) -> dict[str, int]:
        """Images to make per class.

        Args:
            num_train: real training images per class, of the classes that can be trained.

        Raises:
            ConfigError: a class is named that is not in the data, or no class would get any image.
        """
        by_name = self.per_class if isinstance(self.per_class, dict) else {}
        if self.ratio is not None:
            amounts = {label: round(self.ratio * count) for label, count in num_train.items()}
        elif isinstance(self.per_class, int):
            amounts = dict.fromkeys(num_train, self.per_class)
        elif by_name and self.balance is None:
            amounts = dict.fromkeys(num_train, 0)
        else:
            target = {"max": max(num_train.values()), "median": round(statistics.median(num_train.values()))}
            goal = self.balance if isinstance(self.balance, int) else target[self.balance or "max"]
            amounts = {label: max(0, goal - count) for label, count in num_train.items()}
        amounts |= {label: count for label, count in by_name.items() if label in num_train}
        if not any(amounts.values()):
            raise ConfigError(
                "generation asks for no image of any class: every class already has as many real images as wanted. "
                "Set generation.per_class, or a larger generation.balance."
            )
        return amounts
