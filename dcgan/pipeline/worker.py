"""A worker process: performs stages that need TensorFlow, one after the other. It is spawned, never forked.

`dcgan.execution.pool` starts this module and reads its standard output, one JSON object a line: `{"progress": ...}`
while it works, then `{"done": true}` or `{"error": ...}`. After an error it ends; else it waits for more work on
standard input. TensorFlow frees the memory of a compiled function only when the process ends, so each network is
compiled once and takes its weights and images as arguments.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcgan.config import parse_resolved
from dcgan.errors import DcganError, StorageError
from dcgan.execution import process
from dcgan.execution.child import next_message, open_channel
from dcgan.execution.determinism import set_up_tensorflow
from dcgan.execution.garbage import without_collection
from dcgan.execution.pool import Work
from dcgan.files import storage
from dcgan.pipeline.stages import load
from dcgan.run.paths import Run

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}  # these are no fault of the code


def main() -> int:
    """Do the work that the first argument describes, and then what else is asked for; see `execution.pool.Work`."""
    say = open_channel()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    first = message = json.loads(sys.argv[1])
    while message:
        work = Work(**message)
        try:
            run = Run(Path(work.run))
            config = parse_resolved(storage.read_json(run.config), where=str(run.config))
            if message is first:
                # Keras imports these for what no worker does, 1 s of 4; and what is imported stays: no garbage, 0.5 s.
                with _without("matplotlib", "sklearn"), without_collection():
                    set_up_tensorflow(work.threads)
            else:
                process.begin_work()
                _write_to(work.log)
            load(work.function)(run, config, on_progress=lambda progress: say({"progress": progress}), **work.arguments)
            say({"done": True})
        except DcganError as error:
            say({"error": {"kind": type(error).__name__, "message": str(error)}})
            return 1
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            # The traceback would go to a log on the same disk.
            message = f"cannot write {error.filename or work.run}: {error.strerror}"
            say({"error": {"kind": StorageError.__name__, "message": message}})
            return 1
        message = next_message()
    return 0


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Within the block, these packages, not loaded yet, cannot be imported, as if they were not installed."""
    sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        for name in packages:
            del sys.modules[name]


def _write_to(log: str) -> None:
    """From now on, write everything that is printed to another file."""
    with Path(log).open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)  # tearing TensorFlow down takes 0.7 s, for nothing
