"""The parts of a job file, one for each stage. Every field says its unit and its default."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dcgan.config import extractors
from dcgan.errors import ConfigError
from dcgan.execution import devices
from dcgan.files import urls

LOCAL = "local"  # as `run.on`

_HOST = re.compile(r"[\w.\-]+|\[[0-9a-fA-F:.]+\]")  # a name, an IPv4 address, or an IPv6 address in brackets

SIDE_MIN, SIDE_MAX = 8, 256  # px; smaller has nothing to learn from, larger is not a DCGAN's work

Side = Annotated[int, Field(ge=SIDE_MIN, le=SIDE_MAX)]
Count = Annotated[int, Field(ge=0)]
Length = Annotated[int, Field(ge=1, le=1024)]
Positive = Annotated[float, Field(gt=0)]
Augmentation = Literal["translation", "brightness", "contrast", "saturation", "cutout", "flip"]


class Model(BaseModel):
    """Base of all parts: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GenerationConfig(Model):
    """How many images of which class. At most one of per_class (as one number), balance and ratio."""

    per_class: Count | dict[str, Count] | None = None
    """Images for every class, or by class name; by name it goes before `balance` and `ratio`."""
    balance: Literal["max", "median"] | Count | None = None
    """Fill every class up to this many, counting its real training images: the largest class's count, the median,
    or a number. The default when nothing else is given is `max`."""
    ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Synthetic images per real training image."""
    truncation: Annotated[float, Field(ge=0.25)] | None = None
    """Latents' components are drawn again until they are within so many standard deviations (Brock et al. 2019,
    section 3.1): fewer odd images, and less variety. null: they are taken as they come."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of every draw in the job."""

    @field_validator("per_class", mode="before")
    @classmethod
    def _names_are_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # YAML reads the name of a class called 7 as a number.
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


class TrainingConfig(Model):
    """The networks and how they are trained. What is not given comes from the preset."""

    preset: Literal["quick", "standard", "thorough"] = "standard"
    """quick: minutes, to try things out; standard: a night's job; thorough: when quality is worth the hours."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Budget in minutes for the whole run's training, shared out over base and classes. null: none."""
    base: bool | None = None
    """Train one shared base on all classes pooled, from which each class starts. false: every class from scratch."""
    base_steps: Count | None = None
    """Optimizer steps of the shared base."""
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
    augmentation: list[Augmentation] | None = None
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
        preset = PRESETS[self.preset]
        given = {name: value for name, value in self if value is not None}
        return ResolvedTraining(**{**preset, **given})


class ResolvedTraining(TrainingConfig):
    """The same with a value in every field that the preset fills in."""

    base: bool
    base_steps: Count
    class_steps: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=4, le=256)]
    latent_dim: Annotated[int, Field(ge=2, le=1024)]
    batch_size: Annotated[int, Field(ge=2, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    augmentation: list[Augmentation]
    precision: Literal["auto", "float32", "bfloat16"]
    log_steps: Annotated[int, Field(ge=1)]


_COMMON: dict[str, Any] = {
    "base": True,
    "latent_dim": 100,
    "batch_size": 64,
    "learning_rate": 2e-4,
    "ema_decay": 0.995,
    "augmentation": ["translation", "brightness"],
    "log_steps": 25,
    "precision": "auto",
}
PRESETS: dict[str, dict[str, Any]] = {
    "quick": _COMMON | {"base_steps": 1500, "class_steps": 500, "width": 32},
    "standard": _COMMON | {"base_steps": 4000, "class_steps": 1000, "width": 64},
    "thorough": _COMMON | {"base_steps": 16000, "class_steps": 4000, "width": 64, "ema_decay": 0.999},
}


class CurationConfig(Model):
    """Which candidates are rejected; thresholds come from each class's real images and are recorded."""

    filters: list[str] = ["blank", "copy", "duplicate"]
    """blank: nearly empty; blurred: with much less fine detail than any real image; copy: of a real training image, or
    nearly; duplicate: of an accepted one; label: a classifier is surer that it is of another class than of real images
    that it has not seen; outlier: far from all real images in the judge's features."""
    critic_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Keep only the best of so many, by the discriminator: of 0.5, the better half. A candidate's score costs as
    much as the candidate."""


class GateConfig(Model):
    """Which classes ship, on the evidence of held-out real images."""

    policy: Literal["report", "no_harm", "proven_gain"] = "no_harm"
    """report: ship all, say what was measured; no_harm: withhold a class whose recall is shown to fall;
    proven_gain: ship only classes whose recall is shown to rise."""
    augmentation: list[Augmentation] = ["translation", "brightness"]
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


class OnnxConfig(Model):
    """How an ONNX model takes its images: told, never guessed. For `measures.features: onnx:PATH`."""

    layout: Literal["NCHW", "NHWC"] | None = None
    """Order of the input's axes: N images, C channels, H height, W width."""
    size: tuple[Length, Length] | None = None
    """[height, width] in px that images are resized to."""
    mean: float | tuple[float, float, float] | None = None
    """Taken from values of 0 to 255: a number, or one each for red, green and blue."""
    std: Positive | tuple[Positive, Positive, Positive] | None = None
    """Divides what is left: a number, or one each for red, green and blue."""
    output: str | None = None
    """Output that holds the features, (N, D). null: the model's only one."""


class MeasuresConfig(Model):
    """How synthetic images are compared with real ones, beside the gate."""

    features: str = extractors.JUDGE
    """Feature space of all distances. judge: the job's own classifier; onnx:PATH: an ONNX model, relative to the job
    file; keras:NAME: a network of keras.applications whose weights are in the Keras cache."""
    onnx: OnnxConfig = OnnxConfig()
    """How the ONNX model takes its images."""

    @model_validator(mode="after")
    def _is_told_how(self) -> MeasuresConfig:
        kind, _ = extractors.kind_and_name(self.features)
        given = {name for name, value in self.onnx if value is not None}
        if kind == "onnx" and (missing := [name for name in ("layout", "size", "mean", "std") if name not in given]):
            raise ValueError(f"features {self.features}: also give {', '.join(f'onnx.{name}' for name in missing)}")
        if kind != "onnx" and given:
            raise ValueError(f"onnx is for features: onnx:PATH only, and features is {self.features}")
        return self

    def resolve(self, folder: Path) -> MeasuresConfig:
        """The same with an absolute path.

        Raises:
            ConfigError: the extractor is not at hand.
        """
        kind, name = extractors.kind_and_name(self.features)
        features = f"{kind}:{absolute(folder, name)}" if kind == "onnx" else self.features
        extractors.require(features)
        return self.model_copy(update={"features": features})


class OutputsConfig(Model):
    """Where runs and releases go."""

    root: str = "outputs"
    """Folder; runs and releases of this job go to `<root>/<name>/`. A path relative to the job file, or a URL such as
    `s3://bucket/outputs`, without credentials: then only releases go there, and what a cluster's machines share."""
    keep: Annotated[int, Field(ge=1)] = 7
    """Releases kept; the one that `latest` names is never removed, and none while it is read."""
    format: Literal["files", "tfrecord", "webdataset"] = "files"
    """How a release holds its images. files: a PNG file each; tfrecord, webdataset: in shards, for large sets."""

    @field_validator("root")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        urls.require_harmless(value)
        return value


class MachinesConfig(Model):
    """The machines."""

    on: str = LOCAL
    """Where classes are trained and generated, and where the evaluation works. local: in processes of this machine;
    dask://host:port: on the workers of the Dask cluster whose scheduler listens there."""
    processes: Annotated[int, Field(ge=1)] | None = None
    """Classes trained side by side, one process each. null: one per slot on a GPU, or else one per core."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of each such process. null: cores divided by processes. The bytes of the results depend on it."""
    per_gpu: Annotated[int, Field(ge=1)] = 1
    """Processes on each GPU at a time."""

    @field_validator("on")
    @classmethod
    def _known_place(cls, value: str) -> str:
        host, _, port = value.removeprefix("dask://").rpartition(":")
        if value != LOCAL and not (value.startswith("dask://") and _HOST.fullmatch(host) and port.isdecimal()):
            raise ValueError(
                f"expected local, or the address of a Dask scheduler such as dask://host:8786, found {value!r}"
            )
        return value

    def resolve(self) -> ResolvedMachines:
        """The same with this machine's numbers in every field that was not given."""
        cores = len(os.sched_getaffinity(0))
        processes = self.processes or self.per_gpu * len(devices.gpus()) or cores
        threads = self.threads or max(1, cores // processes)
        return ResolvedMachines(on=self.on, processes=processes, threads=threads, per_gpu=self.per_gpu)


class ResolvedMachines(MachinesConfig):
    """The same with this machine's numbers."""

    processes: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]


def absolute(folder: Path, path: str) -> str:
    """A path, relative to a folder if it is relative, as an absolute one; a URL as it is."""
    path = path.removeprefix("file://")
    return path.rstrip("/") if urls.is_url(path) else str((folder / Path(path).expanduser()).resolve())
