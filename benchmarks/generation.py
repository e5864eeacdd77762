"""Generation: images on the disk with manifest rows and checksums, beside the bare forward pass and GANexLib's way.

  python benchmarks/generation.py [--peers-python PYTHON] [--repetitions 5] [--million | --shards] [--json FILE]

Two sizes: 64 x 64 x 3 with width 64 (the paper's network) and 28 x 28 x 1 with width 32. The networks have random
weights, scaled so that images have contrast: what they show does not matter here, and all of it is written. Every
contestant runs in a fresh process, one after the other, repetition by repetition; rates are medians, start-up apart:

- GANexLib's way: one image at a time, forward and `save`, as its `expand_dataset` does (64 x 64 x 3 only);
- forward: the generator alone, in chunks of 64, to uint8;
- written: the job's own stage, no filter on: pixels, PNG, SHA-256, manifest row;
- curated: the same with the filters that are on by default.

One process has both cores (two threads), or two processes one core each, as a job with several classes does.
`--million` makes 1,000,000 images of 28 x 28 of one class, is killed in the middle, and goes on; it tells memory.
`--shards` makes many images of one class by one process and by two, of one thread each: seconds with all starts.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from benchmarks import common
from benchmarks.jobs import begun, order_of
from dcgan.config import ResolvedJob
from dcgan.curation.parts import PART
from dcgan.files import storage
from dcgan.pipeline.performing import by_threads, perform
from dcgan.pipeline.stages import GENERATE, of_class
from dcgan.run.paths import Run

SIZES = {"64 x 64 x 3, width 64": ((64, 64, 3), 64, 5000), "28 x 28 x 1, width 32": ((28, 28, 1), 32, 40_000)}
SHARDED = {"64 x 64 x 3, width 64": 8, "28 x 28 x 1, width 32": 24}  # shards of a class
LABELS = ("a", "b")
CONTESTANTS = ("GANexLib's way", "forward", "written", "curated")

GANEXLIB = """
import os, sys, time
import numpy as np
from PIL import Image
from GANexLib import core
generator = core._build_generator()
folder, count = sys.argv[1], int(sys.argv[2])
for index in range(-3, count):
    if index == 0:
        began = time.monotonic()
    image = generator(core.tf.random.normal([1, core.INPUT_DIMENSION]), training=False)
    pixels = (image * 127.5 + 127.5).numpy().astype(np.uint8)
    Image.fromarray(pixels[0]).save(os.path.join(folder, f"generated_img_{index}.png"))
print(time.monotonic() - began)
"""

FORWARD = """
import sys, time
from dcgan.execution.determinism import wake_tensorflow
threads, count = int(sys.argv[3]), int(sys.argv[2])
wake_tensorflow(threads)
from dcgan.files import storage
from dcgan.config import parse_resolved
from dcgan.generation.model import CHUNK, Model
from dcgan.run.paths import Run
from dcgan.data.split import image_shape
from pathlib import Path
run = Run(Path(sys.argv[1]))
job = parse_resolved(storage.read_json(run.config), where="benchmark")
with run.model("a").open("rb") as file:
    model = Model(file, job.training, image_shape(run))
for chunk in range(-3, count // CHUNK):
    if chunk == 0:
        began = time.monotonic()
    model.candidates(job.generation, "a", abs(chunk))
print(time.monotonic() - began)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--shards", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    if args.million:
        print(json.dumps(million(work), indent=1))
        return
    if args.shards:
        print(sharded(work, args.repetitions))
        return

    rows: list[dict[str, Any]] = []
    for title, (shape, width, count) in SIZES.items():
        run, job = prepared(work / title.replace(" ", ""), shape, width)
        for processes in (1, 2):
            rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
            for _ in range(args.repetitions):
                if args.peers_python and shape == (64, 64, 3) and processes == 1:
                    rates["GANexLib's way"].append(script(args.peers_python, GANEXLIB, work, 200, 2))
                forward = functools.partial(script, None, FORWARD, run.root, count, 3 - processes)
                rates["forward"].append(side_by_side(processes, forward))
                for name, filters in (("written", []), ("curated", ["blank", "copy", "duplicate"])):
                    rates[name].append(generated(run, job, processes, count, filters))
            rows += [
                {"size": title, "processes": processes, "contestant": name, "rates": found}
                for name, found in rates.items()
                if found
            ]
    for row in rows:
        limit = next(
            other["rates"]
            for other in rows
            if (other["size"], other["processes"], other["contestant"]) == (row["size"], row["processes"], "forward")
        )
        row["of forward"] = statistics.median(a / b for a, b in zip(row["rates"], limit, strict=True))
    table = [
        [f"{row['size']}, {row['contestant']}", str(row["processes"]), f"{statistics.median(row['rates']):,.0f}",
         f"{min(row['rates']):,.0f}", f"{max(row['rates']):,.0f}", f"{row['of forward']:.0%}"]
        for row in rows
    ]  # fmt: skip
    print(common.table(["contestant", "processes", "images/s", "lowest", "highest", "of forward"], table))
    if args.json:
        common.write_json(args.json, "generation", {"machine": common.machine(), "rows": rows})


def prepared(folder: Path, shape: tuple[int, int, int], width: int) -> tuple[Run, ResolvedJob]:
    """A run with split and judge, and for both classes a model of random weights."""
    folder.mkdir()
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (400, *shape), np.uint8)
    np.savez(folder / "data.npz", images=images, labels=np.repeat(LABELS, 200), split=np.full(400, "train"))
    values = {
        "name": "generation", "data": {"source": str(folder / "data.npz")}, "generation": {"per_class": 100},
        "training": {"preset": "quick", "width": width, "precision": "float32"},
        "gate": {"classifier_steps": 20}, "outputs": {"root": str(folder / "outputs")},
    }  # fmt: skip
    run, job = begun(values)
    from dcgan.training.gan import Gan  # noqa: PLC0415 (imports TensorFlow)

    gan = Gan(job.training, shape)
    gan.initialize(1)
    arrays = gan.ema_arrays() | gan.critic_arrays()
    scaled = {name: array * (5 if name.endswith("kernel") else 1) for name, array in arrays.items()}
    for label in LABELS:
        storage.write_bytes(run.model(label), storage.pack_arrays(scaled))
    return run, job


def script(python: Path | None, text: str, folder: Path, count: int, threads: int) -> float:
    """Images per second of a script that prints its seconds."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [str(python or sys.executable), "-c", text, str(folder), str(count), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return count / float(done.stdout.split()[-1])


def side_by_side(processes: int, one: Callable[[], float]) -> float:
    """The sum of what so many processes reach at the same time."""
    with ThreadPoolExecutor(processes) as pool:
        return sum(future.result() for future in [pool.submit(one) for _ in range(processes)])


def generated(run: Run, job: ResolvedJob, processes: int, count: int, filters: list[str]) -> float:
    """Images per second of the job's own stage, over all processes."""
    changed = job.model_copy(update={"curation": job.curation.model_copy(update={"filters": filters})})
    storage.write_json(run.config, changed.model_dump(mode="json"))
    shutil.rmtree(run.root / "generation", ignore_errors=True)
    labels = iter(LABELS)

    def one() -> float:
        label = next(labels)
        side = job.model_copy(update={"run": job.run.model_copy(update={"threads": 3 - processes})})
        perform(GENERATE, run, side, of_class(label, num_wanted=count))
        seconds: float = storage.read_json(run.generation(label) / "record.json")["seconds"]
        return count / seconds

    return side_by_side(processes, one)


def sharded(work: Path, repetitions: int) -> str:
    """A table: seconds for a class's images, by one process and in shards by two. They must be the same images."""
    rows = []
    for title, (shape, width, _) in SIZES.items():
        run, job = prepared(work / title.replace(" ", ""), shape, width)
        count = SHARDED[title] * PART + 100
        seconds: dict[int, list[float]] = {1: [], 2: []}
        images: dict[int, list[str]] = {}
        for _ in range(repetitions):
            for processes, taken in seconds.items():
                shutil.rmtree(run.root / "generation", ignore_errors=True)
                side = {"run": job.run.model_copy(update={"processes": processes, "threads": 1})}
                here = job.model_copy(update=side)
                began = time.monotonic()
                with by_threads(here) as start:
                    order_of(run, here, start, {"a": count}).generate()
                taken.append(time.monotonic() - began)
                images[processes] = pd.read_parquet(run.generation("a") / "rows.parquet")["image_sha256"].to_list()
        assert images[1] == images[2] and len(images[1]) == count
        one, two = (statistics.median(of) for of in seconds.values())
        rows.append([title, f"{count:,}", f"{one:.0f}", f"{two:.0f}", f"{one / two:.2f}"])
    return common.table(["size", "images", "one process, s", "two, in shards, s", "times faster"], rows)


def million(work: Path) -> dict[str, Any]:
    """A million images, killed in the middle: seconds, memory, and how much was made twice."""
    import psutil  # noqa: PLC0415

    run, job = prepared(work / "million", (28, 28, 1), 32)
    changed = job.model_copy(
        update={"curation": job.curation.model_copy(update={"filters": ["blank", "copy", "duplicate"]})}
    )
    storage.write_json(run.config, changed.model_dump(mode="json"))
    found: dict[str, Any] = {"memory": []}
    command = [sys.executable, "-m", "dcgan.pipeline.worker"]
    work_text = json.dumps(
        {
            "run": str(run.root),
            "stage": "generation",
            "threads": 2,
            "label": "a",
            "max_seconds": None,
            "number": 1_000_000,
        }
    )
    began = time.monotonic()
    killed = False
    while True:
        with subprocess.Popen(
            [*command, work_text], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            watched = psutil.Process(process.pid)
            for line in process.stdout or ():
                said = json.loads(line)
                if "result" in said:
                    found |= {"seconds": time.monotonic() - began, "record": said["result"]}
                    return found
                done = said["progress"]["done"]
                if done >= 50_000 * (len(found["memory"]) + 1):
                    found["memory"].append(
                        [done, round(watched.memory_info().rss / 1e6), round(time.monotonic() - began, 1)]
                    )
                    print(found["memory"][-1], file=sys.stderr, flush=True)
                if done > 500_000 and not killed:
                    killed = True
                    found["killed at"] = done
                    process.kill()


if __name__ == "__main__":
    main()
