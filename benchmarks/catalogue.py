"""Reading the inputs: a folder of many small files the first time, the second time, and after some have changed.

  python benchmarks/catalogue.py DATA [--images 60000] [--folder FOLDER] [--json FILE]

The images of DATA (see `datasets.py`) are written as PNG files, a folder per class. A job's catalogue is then made as a
run makes it: listing, opening, duplicates, the tables on the disk, and the memory of what files held. `split` is what
comes next in a run: every accepted file once more, checked and converted. `process` is a whole `dcgan check` with what
it takes to start Python. The files are in the page cache, as they are after they were written: what is measured is this
program, not the disk.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from benchmarks import common, datasets
from dcgan.config import ResolvedJob, load_job
from dcgan.data.catalogue import build_catalogue, cache
from dcgan.data.split import make_split
from dcgan.execution.progress import no_report
from dcgan.run import history, runs
from dcgan.run.paths import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=60_000, help="files, at most (default: 60,000)")
    parser.add_argument("--folder", type=Path, help="where to (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp())
    files = write_images(args.data, folder / "images", args.images)
    job_file = folder / "job.yaml"
    job_file.write_text(yaml.safe_dump({"name": "catalogue", "data": {"source": "images"}}), encoding="utf-8")
    job = load_job(job_file)
    time.sleep(cache.SETTLED_NS / 1e9)  # what was written just now is not remembered

    results = []

    def measure(what: str, act: Callable[[], Any]) -> None:
        began = time.monotonic()
        act()
        seconds = time.monotonic() - began
        results.append({"what": what, "seconds": round(seconds, 2), "files/s": round(len(files) / seconds)})

    measure("first", lambda: catalogue(job))
    measure("second, nothing changed", lambda: catalogue(job))
    for number, file in enumerate(files[::100]):
        change(file, number)
    time.sleep(cache.SETTLED_NS / 1e9)
    measure("second, 1 % changed", lambda: catalogue(job))
    measure("--rehash", lambda: catalogue(job, rehash=True))
    run = catalogue(job)
    measure("split", lambda: make_split(run, job))
    check = [str(Path(sys.executable).with_name("dcgan")), "check", str(job_file), "--no-timing"]
    measure("process, nothing changed", lambda: subprocess.run(check, stderr=subprocess.DEVNULL, check=True))
    measure("process, --rehash", lambda: subprocess.run([*check, "--rehash"], stderr=subprocess.DEVNULL, check=True))

    print(f"{len(files):,} files")
    print(common.table(list(results[0]), [[f"{value:,}" if value != str(value) else value for value in entry.values()]
                                          for entry in results]))  # fmt: skip
    if args.json:
        told = {"machine": common.machine(), "files": len(files), "results": results}
        common.write_json(args.json, "catalogue", told | {"versions": common.versions(("pillow", "numpy", "pandas"))})


def write_images(data: Path, folder: Path, count: int) -> list[Path]:
    """Up to `count` images as PNG files, a folder per class."""
    images, labels, _ = datasets.load(data)
    files = []
    for number, (image, label) in enumerate(zip(images[:count], labels[:count], strict=True)):
        file = folder / label / f"{number:06d}.png"
        if number < 1000:  # by then every class has its folder
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(file)
        files.append(file)
    return files


def change(file: Path, number: int) -> None:
    """Another picture of the same size in bytes or nearly: one that no other file has."""
    with Image.open(file) as image:
        pixels = np.array(image)
    pixels.flat[:2] = divmod(number, 256)
    pixels.flat[2] = 137
    Image.fromarray(pixels).save(file)


def catalogue(job: ResolvedJob, *, rehash: bool = False) -> Run:
    """Begin a run of the job, and make its catalogue."""
    for path in runs.job_paths(job).runs.glob("*/run.json"):
        # Otherwise it would be resumed, with the catalogue that it has.
        history.fail_run(Run(path.parent), RuntimeError("measured"))
    run, _ = runs.open_run(job)
    build_catalogue(run, job, no_report, rehash=rehash)
    return run


if __name__ == "__main__":
    main()
