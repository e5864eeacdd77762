"""A process that reads releases as a user would, and says what came of each, how long it took and how much it grew.

    python -m tests.victim '[["arrays", "<release>"], ...]'

It prints one line of JSON for each reading. A first reading of an honest release is not counted: it loads libraries.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dcgan
from dcgan.release.verify import verify

MAX_ADDRESSES = 12 * 2**30  # bytes: what would take more fails here, and does not take the machine along


def load(folder: Path) -> object:
    return dcgan.load_release(folder).record


def manifest(folder: Path) -> object:
    return dcgan.load_release(folder).manifest


def arrays(folder: Path) -> object:
    return dcgan.load_release(folder).arrays()


def regenerate(folder: Path) -> object:
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415 (readers of other kinds need none)

    wake_tensorflow(1)
    from dcgan.release import again  # noqa: PLC0415

    return list(again.regenerate(dcgan.load_release(folder)))


def sample(folder: Path) -> object:
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    from dcgan.release import again  # noqa: PLC0415

    return again.load_model(dcgan.load_release(folder), "01")


ACTS: dict[str, Callable[[Path], object]] = {
    act.__name__: act for act in (load, manifest, arrays, verify, regenerate, sample)
}


class Outcome(NamedTuple):
    """What came of a reading."""

    error: str
    """Its class's name; "" when there was none."""
    message: str
    seconds: float
    grown_mb: float
    """By which the process's peak of memory was over what it was before."""


def read(readings: Sequence[tuple[str, Path]], timeout: float = 120) -> list[Outcome]:
    """Let a process read releases, one after the other.

    Raises:
        subprocess.TimeoutExpired: it hangs.
    """
    tasks = json.dumps([(act, str(folder)) for act, folder in readings])
    done = subprocess.run(
        [sys.executable, "-m", "tests.victim", tasks],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"the process died: {done.returncode}\n{done.stderr[-2000:]}"
    return [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Read what the first argument says."""
    tasks: list[tuple[str, str]] = json.loads(sys.argv[1])
    honest = Path(__file__).parent / "fixtures" / "release-format-1"
    for act in dict.fromkeys(act for act, _ in tasks):
        ACTS[act](honest)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    for act, folder in tasks:
        before, began = _peak_mb(), time.monotonic()
        outcome: list[Any] = ["", ""]
        try:
            ACTS[act](Path(folder))
        except Exception as error:
            outcome = [type(error).__name__, str(error)[:2000]]
        print(json.dumps([*outcome, time.monotonic() - began, _peak_mb() - before]), flush=True)


if __name__ == "__main__":
    main()
