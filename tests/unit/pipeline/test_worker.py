"""A worker says what went wrong, also where its log has no room for it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from dcgan.config import parse_job
from dcgan.errors import StageError, StorageError
from dcgan.execution.pool import Work, Workers
from dcgan.execution.progress import no_report
from dcgan.run import runs


def refused_by_the_disk(*_: object, number: int, **__: object) -> None:
    """What a worker calls in these tests."""
    raise OSError(number, os.strerror(number), "/full/file")


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [(errno.ENOSPC, StorageError, "cannot write /full/file: No space left on device"),
     (errno.EIO, StorageError, "cannot write /full/file: Input/output error"),
     (errno.ENOTTY, StageError, "its process ended with status 1")],
)  # fmt: skip
def test_disk_that_refuses_is_told_as_such(tmp_path: Path, number: int, kind: Any, told: str) -> None:
    run, _ = runs.open_run(parse_job({"name": "j", "data": {"source": "i"}}, where="").resolve(tmp_path))
    work = Work(
        run=str(run.root), stage="s", title="t", worker="dcgan.pipeline.worker",
        function=f"{__name__}:{refused_by_the_disk.__name__}", arguments={"number": number}, threads=1,
        log=str(run.log("s")),
    )  # fmt: skip
    with pytest.raises(kind, match=told):
        Workers().perform(work, no_report)
