"""Nights: one on which nothing changed, a month of small changes against as many full runs, and a year's room.

  python benchmarks/nights.py quiet [--images 60000]
  python benchmarks/nights.py month [--nights 30] [--data DATA]
  python benchmarks/nights.py year [--nights 400] [--changes 10]

Each takes --json FILE, and starts a Prefect server of its own on loopback, with SQLite and what `make up` sets.

quiet   A job over so many files is run once, as short as it can be. Then nothing changes, and `dcgan run` is timed as a
        whole process, three times; beside it the processor's time, which other work on the machine does not lengthen.
month   A job is run each night. On some nights, drawn at random, images arrive in up to three classes; on one, some are
        found to have another label; on one, every file that comes is corrupt. The cost is the sum of all nights' whole
        processes. Against it stands the mean of some full runs (`--fresh`, on the first and the last night's images)
        times the number of nights: extrapolated, since so many full runs would only repeat themselves. Quality is the
        KID of the last night's release and that of the full run on the same images: they are measured by the same
        judge, which follows from the images. DATA is read by `datasets.py`; without, it is the digits of scikit-learn.
year    A tiny job is run by its flow, in one process, night after night; on so many nights images arrive. Room on the
        disk, Prefect's database and the time of a night are told for each tenth part. `outputs.keep` is 3. So that a
        night is a day to Prefect, all that it has a time of is made a day older after each night. It forgets what is
        older than what `make up` sets (90 days), and looks for that every minute, where it would every hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks import common, datasets
from dcgan.flows.server import new_password, protection, upkeep

BIN = Path(sys.executable).parent
PER_CLASS, PER_NIGHT = 150, (2, 6)  # images of a class at the start of the month; of those that arrive in one
TINY = {
    "training": {
        "preset": "quick", "base_steps": 120, "class_steps": 40, "width": 8, "latent_dim": 8, "batch_size": 16,
        "log_steps": 10,
    },
    "gate": {"policy": "report", "classifier_steps": 20, "classifier_seeds": 2},
}  # fmt: skip
MONTH = {
    "training": {"preset": "quick", "base_steps": 1500, "class_steps": 500, "width": 16},
    "gate": {"policy": "report", "classifier_steps": 200, "classifier_seeds": 2},
}

AGED = {"flow_run": "end_time", "events": "occurred", "event_resources": "occurred"}  # what Prefect's clean-up goes by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("quiet", "month", "year"))
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--nights", type=int)
    parser.add_argument("--changes", type=int, default=10)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with prefect_server(folder / "prefect", clean_up_seconds=60 if args.what == "year" else 3600):
        if args.what == "quiet":
            figures = quiet(folder, args.images)
        elif args.what == "month":
            figures = month(folder, args.nights or 30, args.data, args.seed)
        else:
            figures = year(folder, args.nights or 400, args.changes)
    print(common.table(("figure", "value"), [(name, str(value)) for name, value in figures.items()]))
    if args.json:
        common.write_json(args.json, f"nights {args.what}", {"machine": common.machine(), "figures": figures})
    shutil.rmtree(folder)


def quiet(folder: Path, num_images: int) -> dict[str, Any]:
    """Seconds of a night on which nothing changed."""
    draws, digits = np.random.default_rng(0), load_digits()
    for number in range(num_images):
        image = (digits.images[number % len(digits.images)] * 255 / 16).astype(np.uint8)
        image.flat[draws.integers(0, image.size, 4)] = draws.integers(0, 256, 4)  # so that no two are equal
        file = folder / "images" / str(digits.target[number % len(digits.images)]) / f"{number:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file, compress_level=1)
    job = write_job(folder, TINY | {"generation": {"per_class": {"0": 20, "1": 20}}})
    first, _ = run(job)
    before = processor_seconds()
    nights = [run(job) for _ in range(3)]
    processor = (processor_seconds() - before) / len(nights)
    assert all(told["ending"] == "unchanged" for _, told in nights)
    seconds = [round(seconds, 1) for seconds, _ in nights]
    return {
        "files": num_images,
        "first night, seconds": round(first, 1),
        "nothing changed, seconds": seconds,
        "of the processor, mean": round(processor, 1),
        "load of the machine": common.machine()["load"],
    }


def month(folder: Path, num_nights: int, data: Path | None, seed: int) -> dict[str, Any]:
    """Seconds of a month's nights, and of as many full runs; KID at its end by both ways."""
    draws = random.Random(seed)
    waiting = pictures(data)
    for label, images in waiting.items():
        deliver(folder, label, images, PER_CLASS)
    job = write_job(folder, MONTH | {"generation": {"per_class": 100}})
    relabelled, corrupt = (int(share * num_nights) for share in (0.4, 0.7))
    fulls, costs, states = [run(job, "--fresh")[0]], [], []
    shutil.rmtree(folder / "outputs")
    for night in range(num_nights):
        if night == relabelled:
            for path in sorted((folder / "images" / sorted(waiting)[0]).iterdir())[:3]:
                path.rename(folder / "images" / sorted(waiting)[1] / f"relabelled-{path.name}")
        elif night == corrupt:
            for label in waiting:
                (folder / "images" / label / f"night-{night}.png").write_bytes(b"\x89PNG half a file")
        elif night and draws.random() < 0.5:
            for label in draws.sample(sorted(waiting), draws.randint(1, 3)):
                deliver(folder, label, waiting[label], draws.randint(*PER_NIGHT))
        seconds, told = run(job)
        costs.append(seconds)
        states.append([label for label, entry in told["classes"].items() if entry["trained_in"] == told["run_id"]]
                      if told["ending"] != "unchanged" else None)  # fmt: skip
        print(f"night {night + 1}: {seconds:.0f} s, {told['state']}, trained {states[-1]}", flush=True)
    seconds, full = run(job, "--fresh")
    fulls.append(seconds)
    kids = {name: one["measures"]["overall"]["kid"] for name, one in (("as it grew", told), ("in full", full))}
    total = statistics.mean(fulls) * num_nights
    return {
        "nights": num_nights,
        "of these, nothing changed": states.count(None),
        "classes trained after the first night": sum(len(labels or []) for labels in states[1:]),
        "all nights, seconds": round(sum(costs)),
        "all but the first, seconds": [round(cost) for cost in costs[1:]],
        "full runs measured, seconds": [round(cost) for cost in fulls],
        f"{num_nights} full runs, extrapolated, seconds": round(total),
        "times cheaper": round(total / sum(costs), 1),
        **{f"KID {name}": f"{kid['value']:.4f} ± {kid['error']:.4f}" for name, kid in kids.items()},
    }


def year(folder: Path, num_nights: int, num_changes: int) -> dict[str, Any]:
    """Room and time as nights go by."""
    from dcgan.config import load_job  # noqa: PLC0415
    from dcgan.flows.nightly import flow_for  # noqa: PLC0415

    waiting = {label: images for label, images in pictures(None).items() if label in "017"}
    for label, images in waiting.items():
        deliver(folder, label, images, 60)
    job = load_job(write_job(folder, TINY | {"generation": {"per_class": 20}, "outputs": {"keep": 3}}))
    figures, seconds = {}, []
    step = max(1, num_nights // 10)
    for night in range(num_nights):
        if night % (num_nights // (num_changes + 1)) == 1:
            label = sorted(waiting)[night % len(waiting)]
            deliver(folder, label, waiting[label], 3)
        began = time.monotonic()
        flow_for(job)(job, return_state=True).result()
        seconds.append(time.monotonic() - began)
        make_a_day_older(folder / "prefect")
        if (night + 1) % step == 0:
            told = {
                "outputs_mb": size_mb(folder / "outputs"),
                "prefect_mb": size_mb(folder / "prefect"),
                "runs": len(list((folder / "outputs/nights/runs").iterdir())),
                "releases": len(list((folder / "outputs/nights/releases").iterdir())),
                "median_seconds": round(statistics.median(seconds[-step:]), 2),
                "longest_seconds": round(max(seconds[-step:]), 1),
            }
            print(f"night {night + 1}: {json.dumps(told)}", flush=True)
            figures[f"after night {night + 1}"] = json.dumps(told)
    return figures


def make_a_day_older(home: Path) -> None:
    """Prefect's records, by the times at which it looks to see what it may forget."""
    with contextlib.closing(sqlite3.connect(home / "prefect.db", timeout=60)) as database, database:
        for table, column in AGED.items():
            older = f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-1 day')"
            database.execute(f"UPDATE {table} SET {column} = {older} WHERE {column} IS NOT NULL")


def pictures(data: Path | None) -> dict[str, list[np.ndarray]]:
    """Training images by class."""
    if data is None:
        digits = load_digits()
        images, labels = (digits.images * 255 / 16).astype(np.uint8), digits.target.astype(str)
    else:
        images, labels, split = datasets.load(data)
        images, labels = images[split == "train"].squeeze(), labels[split == "train"]
    return {str(label): list(images[labels == label]) for label in np.unique(labels)}


def deliver(folder: Path, label: str, waiting: list[np.ndarray], count: int) -> None:
    """Write the next images of a class."""
    target = folder / "images" / label
    target.mkdir(parents=True, exist_ok=True)
    number = len(list(target.iterdir()))
    for image in waiting[:count]:
        Image.fromarray(image).save(target / f"{number:05d}-{len(waiting):05d}.png")
        number += 1
    del waiting[:count]


def write_job(folder: Path, values: dict[str, Any]) -> Path:
    values = {"name": "nights", "data": {"source": "images", "holdout": 0.3}} | values
    (folder / "job.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "job.yaml"


def run(job: Path, *options: str) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole `dcgan run`, and its summary."""
    began = time.monotonic()
    done = subprocess.run([BIN / "dcgan", "run", job, "--json", *options], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    assert done.returncode in (0, 3), done.stderr
    return seconds, json.loads(done.stdout)


def processor_seconds() -> float:
    """What the processes that this one has waited for took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size_mb(folder: Path) -> float:
    """Room that a folder takes on the disk; what has several names counts once."""
    told = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True).stdout
    return round(int(told.split()[0]) / 1000, 1)


@contextlib.contextmanager
def prefect_server(home: Path, *, clean_up_seconds: int) -> Iterator[None]:
    """A Prefect server on loopback, named in the environment for as long as the block runs.

    Args:
        home: its folder.
        clean_up_seconds: from one look for old records to the next.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= (
        protection(port, new_password())
        | upkeep()
        | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": str(clean_up_seconds),
        }
    )
    home.mkdir(parents=True)
    command = [str(BIN / "prefect"), "server", "start", "--port", str(port)]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{os.environ['PREFECT_API_URL']}/health"):
                    break
                assert server.poll() is None
                time.sleep(0.5)
            yield
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
