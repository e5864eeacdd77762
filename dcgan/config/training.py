"""`training`: the networks, how they are trained, and the presets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dcgan.config.base import Augmentation, Model


class TrainingConfig(Model):
    """The networks and how they are trained. What is not given comes from the preset."""

    preset: Literal["quick", "standard", "thorough"] = "standard"
    """quick: minutes, to try things out; standard: a night's job; thorough: when quality is worth the hours."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Budget in minutes for the whole run's training, shared out over base and classes. null: none."""
    base: bool | None = None
    """Train one shared base on all classes pooled, from which each class starts. false: every class from scratch."""
    base_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps of the shared base. None are taken with base: false."""
    class_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps of each class after the base."""
    width: Annotated[int, Field(ge=4, le=256)] | None = None
    """Channels at the finest resolution; doubled at each coarser one (64 at 64 x 64 px is the paper's network)."""
    latent_dim: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Numbers in a latent vector."""
    batch_size: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Images per optimizer step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Adam's step size for both networks (2e-4 in Radford et al. 2016)."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay per step of the moving average of the generator's weights, which makes the images."""
    augmentation: tuple[Augmentation, ...] | None = None
    """Differentiable augmentations (Zhao et al. 2020) of what the discriminator sees. flip only where a mirrored
    image is still of its class: a mirrored 2 or S is not."""
    precision: Literal["auto", "float32", "bfloat16"] | None = None
    """What the networks compute in while they are trained. auto: bfloat16 where the processor has the instructions and
    a trial of a few steps is faster with them, else float32. Images are made in float32 always."""
    log_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps that run at a stretch inside one compiled call; losses are logged after each stretch."""
    snapshot_seconds: Annotated[float, Field(ge=0)] = 20.0
    """At most so much work is lost to a kill, in seconds of one process's training. 0: none, at any cost."""

    def resolve(self) -> ResolvedTraining:
        """The same with the preset's values in every field that was not given."""
        given = {name: value for name, value in self if value is not None}
        return ResolvedTraining.model_validate(dict(PRESETS[self.preset]) | given)


class ResolvedTraining(TrainingConfig):
    """The same with a value in every field that the preset fills in."""

    base: bool
    base_steps: Annotated[int, Field(ge=1)]
    class_steps: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=4, le=256)]
    latent_dim: Annotated[int, Field(ge=2, le=1024)]
    batch_size: Annotated[int, Field(ge=2, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    augmentation: tuple[Augmentation, ...]
    precision: Literal["auto", "float32", "bfloat16"]
    log_steps: Annotated[int, Field(ge=1)]


def _preset(*, base_steps: int, class_steps: int, width: int, ema_decay: float = 0.995) -> TrainingConfig:
    """A preset, by what differs between presets."""
    return TrainingConfig(
        base=True,
        base_steps=base_steps,
        class_steps=class_steps,
        width=width,
        latent_dim=100,
        batch_size=64,
        learning_rate=2e-4,
        ema_decay=ema_decay,
        augmentation=("translation", "brightness"),
        precision="auto",
        log_steps=25,
    )


PRESETS = {
    "quick": _preset(base_steps=1500, class_steps=500, width=32),
    "standard": _preset(base_steps=4000, class_steps=1000, width=64),
    "thorough": _preset(base_steps=16000, class_steps=4000, width=64, ema_decay=0.999),
}
