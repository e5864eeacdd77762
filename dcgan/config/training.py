"""`training`: the networks, how they are trained, and the presets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dcgan.config.base import USUAL_AUGMENTATION, Augmentation, Model, absolute


class TrainingConfig(Model):
    """The networks and how they are trained. What is not given comes from the preset."""

    preset: Literal["quick", "standard", "thorough"] = "standard"
    """`quick`: to try things out. `standard`: one night. `thorough`: when quality is worth the hours."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Time budget for a run's training in minutes, divided among base and classes. A class whose time is up ships its
    best step so far. `null`: no limit."""
    base: bool | None = None
    """`true`: train one shared base on all classes, from which each class starts. `false`: every class starts from
    random weights."""
    base_from: str | None = None
    """Folder of another job's run, or of a release that carries its base (`outputs.base`): the shared base begins with
    that one, and not with random weights. Its images must have the same size and channels, its networks the same
    `width` and `latent_dim`. A path is relative to the job file."""
    base_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps of the shared base. None are taken with `training.base: false`."""
    class_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps of each class after the base, at most: the best step ships, and training stops early when no
    better one is found."""
    width: Annotated[int, Field(ge=4, le=256)] | None = None
    """Channels at the finest resolution. Doubled at each coarser one, up to 8 times this number. 64 at 64 × 64 px is
    the DCGAN paper's network."""
    latent_dim: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Length of a latent vector."""
    batch_size: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Images per optimizer step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Adam's step size for both networks (2e-4 in Radford et al. 2016)."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay per step of the moving average of the generator's weights. The images are made with that average."""
    augmentation: tuple[Augmentation, ...] | None = None
    """Differentiable augmentations (Zhao et al. 2020) of everything that the discriminator sees, real and synthetic.
    Use `flip` only if a mirrored image still belongs to its class: a mirrored 2 or S does not."""
    precision: Literal["auto", "float32", "bfloat16"] | None = None
    """Number format during training. `auto`: bfloat16 if the processor has the instructions, the networks are large and
    a trial of a few steps is faster, and float32 otherwise. Images are always made in float32."""
    log_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps per compiled call, a *stretch*. Losses are logged after each stretch."""
    snapshot_seconds: Annotated[float, Field(ge=0)] = 20.0
    """Seconds between two snapshots. A kill loses at most this much work, plus the running stretch. If saving is slow,
    snapshots come less often, so that they take at most 3 % of the time. 0: after every stretch."""

    def resolve(self, folder: Path = Path()) -> ResolvedTraining:
        """The same with an absolute path, and the preset's values in every field that was not given.

        Args:
            folder: what a relative path is relative to, the job file's folder.
        """
        given = {name: value for name, value in self if value is not None}
        if self.base_from is not None:
            given["base_from"] = absolute(folder, self.base_from)
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
        augmentation=USUAL_AUGMENTATION,
        precision="auto",
        log_steps=25,
    )


PRESETS = {
    "quick": _preset(base_steps=1500, class_steps=500, width=32),
    "standard": _preset(base_steps=4000, class_steps=1000, width=64),
    "thorough": _preset(base_steps=16000, class_steps=4000, width=64, ema_decay=0.999),
}
