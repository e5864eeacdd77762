"""`run`: the machines."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import Field, field_validator

from dcgan.config.base import Model
from dcgan.execution import devices

LOCAL = "local"  # as `run.on`

_HOST = re.compile(r"[\w.\-]+|\[[0-9a-fA-F:.]+\]")  # a name, an IPv4 address, or an IPv6 address in brackets


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
