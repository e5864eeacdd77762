"""The job: all parts together, and what they must be to each other."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field, field_validator

from dcgan.config.base import Model, absolute
from dcgan.config.curation import CurationConfig
from dcgan.config.data import DataConfig
from dcgan.config.gate import GateConfig
from dcgan.config.generation import GenerationConfig
from dcgan.config.machines import MachinesConfig, ResolvedMachines
from dcgan.config.measures import MeasuresConfig
from dcgan.config.outputs import OutputsConfig
from dcgan.config.training import ResolvedTraining, TrainingConfig
from dcgan.errors import ConfigError

CONFIG_VERSION = 1


class JobConfig(Model):
    """A job: one dataset, its classes, what to generate."""

    version: int = CONFIG_VERSION
    """Version of this format. A file of a newer version is refused."""
    name: Annotated[str, Field(min_length=1, max_length=80)]
    """Name of the job, and of its folder below `outputs.root`: 1 to 80 letters, digits, `_`, `-` and `.`. The first is
    a letter, a digit or `_`."""
    data: DataConfig
    generation: GenerationConfig = GenerationConfig()
    training: TrainingConfig = TrainingConfig()
    curation: CurationConfig = CurationConfig()
    gate: GateConfig = GateConfig()
    measures: MeasuresConfig = MeasuresConfig()
    outputs: OutputsConfig = OutputsConfig()
    run: MachinesConfig = MachinesConfig()

    @field_validator("version")
    @classmethod
    def _known_version(cls, value: int) -> int:
        if value > CONFIG_VERSION:
            raise ValueError(
                f"this job file is of version {value}, and this dcgan-augment reads up to {CONFIG_VERSION}: "
                "upgrade dcgan-augment"
            )
        return value

    @field_validator("name")
    @classmethod
    def _safe_name(cls, value: str) -> str:
        if not re.fullmatch(r"\w[\w.\-]*", value):
            raise ValueError("a job's name names a folder: use letters, digits, `_`, `-` and `.`, not first")
        return value

    def resolve(self, folder: Path) -> ResolvedJob:
        """The same with absolute paths, the preset's values and the machine's numbers: what a run works by.

        Args:
            folder: what relative paths are relative to, the job file's folder.

        Raises:
            ConfigError: outputs would land among the inputs, something is for a shared base that there is not, or
                the extractor of features is not at hand.
        """
        data, root = self.data.resolve(folder), absolute(folder, self.outputs.root)
        for key, place in {"source": data.source, "unlabelled": data.unlabelled}.items():
            if place and PurePosixPath(root, self.name).is_relative_to(place):
                raise ConfigError(
                    f"outputs.root {root} is inside data.{key} {place}: the next run would take its own images for "
                    "real ones. Set outputs.root to another folder."
                )
        training = self.training.resolve(folder)
        for key, given in {"data.unlabelled": data.unlabelled, "training.base_from": training.base_from}.items():
            if given and not training.base:
                raise ConfigError(
                    f"{key} is given, but with training.base: false there is no shared base to learn from it. Set "
                    f"training.base: true, or leave {key} out."
                )
        return ResolvedJob(
            version=self.version,
            name=self.name,
            data=data,
            generation=self.generation,
            training=training,
            curation=self.curation,
            gate=self.gate,
            measures=self.measures.resolve(folder),
            outputs=self.outputs.model_copy(update={"root": root}),
            run=self.run.resolve(),
        )


class ResolvedJob(JobConfig):
    """A job as a run works by it: absolute paths, and every number given."""

    training: ResolvedTraining
    run: ResolvedMachines
