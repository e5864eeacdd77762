"""The job file: one YAML file, one frozen model per stage.

The same model is the command line's options, the Prefect flow's parameter and what a run writes down before
it starts. Unknown keys are errors.
"""

from dcgan.config.base import SIDE_MAX, SIDE_MIN
from dcgan.config.data import ColumnsConfig, DataConfig
from dcgan.config.generation import GenerationConfig
from dcgan.config.job import JobConfig, ResolvedJob
from dcgan.config.machines import LOCAL, MachinesConfig, ResolvedMachines
from dcgan.config.measures import MeasuresConfig, OnnxConfig
from dcgan.config.reading import apply_override, fields, load_job, parse_job, parse_resolved
from dcgan.config.training import PRESETS, ResolvedTraining, TrainingConfig

__all__ = [
    "LOCAL", "PRESETS", "SIDE_MAX", "SIDE_MIN", "ColumnsConfig", "DataConfig", "GenerationConfig", "JobConfig",
    "MachinesConfig", "MeasuresConfig", "OnnxConfig", "ResolvedJob", "ResolvedMachines", "ResolvedTraining",
    "TrainingConfig", "apply_override", "fields", "load_job", "parse_job", "parse_resolved",
]  # fmt: skip
