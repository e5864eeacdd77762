"""A worker process: work that needs TensorFlow, in a fresh interpreter, and then the end of it.

TensorFlow's memory grows from model to model and is given back only when the process ends; so every class is trained
in a process of its own, spawned, never forked. `dcgan.execution.pool` starts this module and reads what it says:
one JSON object a line on standard output, `{"progress": ...}` while it works, `{"result": ...}` or `{"error": ...}`
at the end. What trains classifiers alone (`PROVING`) waits then for a line of standard input, with more of such work.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcgan.config import JobConfig, parse_job
from dcgan.errors import DcganError
from dcgan.execution.determinism import set_up_tensorflow
from dcgan.execution.pool import PROVING, Work
from dcgan.execution.progress import OnProgress, Progress
from dcgan.files import storage
from dcgan.run.paths import Run


def main() -> int:
    """Do the work that the first argument describes, and what is asked for after it; see `execution.pool.Work`."""
    # What a library prints must not mix with the protocol: standard output becomes standard error for everyone else.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    parent = os.getppid()

    def say(kind: str, content: Any) -> None:
        if os.getppid() != parent:  # nobody reads on: the run was killed, and will be resumed by another process
            os._exit(1)
        channel.write(json.dumps({kind: content}) + "\n")

    def on_progress(progress: Progress) -> None:
        say("progress", progress)

    text = sys.argv[1]
    while text:
        work = Work(**json.loads(text))
        try:
            run = Run(Path(work.run))
            config = parse_job(storage.read_json(run.config), where=str(run.config))
            if text is sys.argv[1]:
                with _without("matplotlib", "sklearn"):  # Keras loads them for what no worker does: 1 s of 4
                    set_up_tensorflow(work.threads)
            else:
                _write_to(work.log)
            say("result", _stage(work, run, config, on_progress))
        except DcganError as error:
            say("error", {"kind": type(error).__name__, "message": str(error)})
            return 1
        text = sys.stdin.readline() if work.stage in PROVING else ""
    return 0


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Packages, not loaded yet, that cannot be within the block, as if they were not installed."""
    sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type]  # None is how an import is told to fail
    try:
        yield
    finally:
        for name in packages:
            del sys.modules[name]


def _write_to(log: Path) -> None:
    """What anyone prints from now on goes to another file."""
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _stage(  # noqa: PLR0911 (one for each stage)
    work: Work, run: Run, config: JobConfig, on_progress: OnProgress
) -> dict[str, Any]:
    # Imported here, after the set-up: each of these imports TensorFlow.
    from dcgan.curation import collect  # noqa: PLC0415
    from dcgan.data.split import image_shape  # noqa: PLC0415
    from dcgan.evaluation import measures, utility  # noqa: PLC0415
    from dcgan.networks import classifier  # noqa: PLC0415
    from dcgan.training import stage  # noqa: PLC0415
    from dcgan.training.precision import choose_precision  # noqa: PLC0415

    def of(part: str) -> OnProgress:
        """Reports of a part of the stage."""
        return lambda progress: on_progress(progress | {"stage": part})

    match work.stage:
        case "judge":
            record = classifier.train_judge(run, config, on_progress)
            return record | {"precision": choose_precision(run, config.training, image_shape(run))}
        case "base":
            return stage.train_base(run, config, work.max_seconds, on_progress)
        case "training":
            return stage.train_class(run, config, work.label, work.max_seconds, on_progress)
        case "making":
            stage.train_class(run, config, work.label, work.max_seconds, of("training"))
            return collect.collect(run, config, work.label, work.number, of("generation"))
        case "shards":
            return collect.make_shards(run, config, work.label, work.numbers, on_progress)
        case "generation":
            return collect.collect(run, config, work.label, work.number, on_progress)
        case "share":
            return utility.try_shares(run, config, work.numbers, on_progress)
        case "evaluation":
            return utility.measure(run, config, work.numbers, on_progress)
        case "measures":
            return measures.measure(run, config, on_progress)
    raise ValueError(f"no stage is called {work.stage!r}")


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)  # to take TensorFlow apart takes 0.7 s, for nothing
