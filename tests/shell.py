"""The real command line without its start: commands are given to a process that has loaded what they need.

To load Prefect, pandas and TensorFlow takes longer than most of what the tests' commands do then. Such a process is one
of two kinds:

- "forking": each command has a process of its own, forked from one that has loaded libraries and done nothing else.
- "lasting": one process performs all commands, one after the other, as a machine of a cluster works for run after run.
  Its workers, with TensorFlow loaded and networks compiled, do the work of the next command too.

What starts from nothing, takes signals or is killed is started by `tests.conftest.DCGAN` instead.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from dcgan import cli
from dcgan.cli import work
from dcgan.execution import pool
from dcgan.execution.determinism import load_tensorflow
from dcgan.execution.garbage import without_collection

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 600
LOADED = (  # what commands import when they are called
    "dcgan.cli.history", "dcgan.cli.init", "dcgan.cli.releases", "dcgan.cli.stages", "dcgan.data.catalogue",
    "dcgan.flows.nightly", "dcgan.flows.running", "dcgan.flows.serving", "dcgan.pipeline.reuse", "dcgan.release.verify",
)  # fmt: skip
LOUD = "loud"
COMPUTING = ("regenerate", "sample")  # commands that load TensorFlow themselves

Kind = Literal["forking", "lasting"]
Dcgan = Callable[..., subprocess.CompletedProcess[str]]


@contextlib.contextmanager
def shell(
    kind: Kind, environment: Mapping[str, str], folder: Path | None = None, *, quiet: bool = True
) -> Iterator[Dcgan]:
    """For the time of the block, run commands, each given by its arguments.

    Args:
        kind: see above.
        environment: of the commands.
        folder: where they run; None: where the caller is at the time.
        quiet: whether a forking one loads Prefect as `dcgan run` does, by which Prefect keeps off the terminal.
    """
    command = [sys.executable, "-m", "tests.shell", kind, *([] if quiet else [LOUD])]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
        timer.daemon = True  # a test that is interrupted does not wait for it
        timer.start()
        process.stdin.write(json.dumps([str(folder or Path.cwd()), *map(str, arguments)]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        timer.cancel()
        assert answer, f"dcgan {arguments} has ended the process that runs commands, or took over {TIMEOUT_SECONDS} s"
        return subprocess.CompletedProcess(["dcgan", *map(str, arguments)], *json.loads(answer))

    try:
        yield run
    finally:
        process.communicate()  # it ends when there are no more commands


def main() -> None:
    """Run commands until standard input ends."""
    forking = sys.argv[1] == "forking"
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    if forking:
        with contextlib.nullcontext() if LOUD in sys.argv else work._prefect_quiet(), without_collection():
            for module in LOADED:
                importlib.import_module(module)
    else:
        pool.KEPT_SECONDS = TIMEOUT_SECONDS  # other tests may come between two commands
    while line := sys.stdin.readline():
        folder, *arguments = json.loads(line)
        if forking and arguments[0] in COMPUTING:
            os.environ["KERAS_BACKEND"] = "tensorflow"
            load_tensorflow()
            importlib.import_module("dcgan.release.regenerate")
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            files = out.fileno(), err.fileno()
            os.chdir(folder)
            status = in_fork(arguments, files) if forking else here(arguments, files)
            told = [os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace") for file in files]
        answers.write(json.dumps([status, *told]) + "\n")
        answers.flush()


def in_fork(arguments: Sequence[str], files: tuple[int, int]) -> int:
    """Run a command in a process of its own; its exit status, or minus the number of the signal that ended it."""
    process = os.fork()
    if not process:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        redirect(*files)
        cli.main(list(arguments))  # ends this process, as it ends any
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def here(arguments: Sequence[str], files: tuple[int, int]) -> int:
    """Run a command in this process; its exit status."""
    redirect(*files)
    try:
        cli.main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def redirect(out: int, err: int) -> None:
    """From now on, let files hold what goes to standard output and to standard error."""
    os.dup2(out, 1)
    os.dup2(err, 2)


if __name__ == "__main__":
    main()
