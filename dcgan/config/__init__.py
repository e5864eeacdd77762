"""The job file: one YAML file, one frozen model per stage.

The same model is the command line's options, the Prefect flow's parameter and what a run writes down before
it starts. Unknown keys are errors.
"""

from dcgan.config.job import JobConfig, ResolvedJob
from dcgan.config.parts import (
    LOCAL,
    PRESETS,
    SIDE_MAX,
    SIDE_MIN,
    DataConfig,
    GenerationConfig,
    MachinesConfig,
    MeasuresConfig,
    OnnxConfig,
    ResolvedMachines,
    ResolvedTraining,
    TrainingConfig,
)
from dcgan.config.reading import load_job, parse_job, parse_resolved

__all__ = [
    "LOCAL", "PRESETS", "SIDE_MAX", "SIDE_MIN", "DataConfig", "GenerationConfig", "JobConfig",
    "MachinesConfig", "MeasuresConfig", "OnnxConfig", "ResolvedJob", "ResolvedMachines", "ResolvedTraining",
    "TrainingConfig", "load_job", "parse_job", "parse_resolved",
]  # fmt: skip
