"""Quality of a whole job on a long tail, against GANexLib, and of the best step against the last.

  python benchmarks/quality.py DATA --peers-python PYTHON [--work FOLDER] [--job-set KEY=VALUE ...] [--json FILE]

DATA is made long-tailed (500 training images down to 10). GANexLib's `expand_dataset` makes 500 images of every class
with its defaults (20 epochs, batches of 32, 64 x 64 px RGB, shrunk here to the data's form). The job makes 500 of every
class too, once in full and once with a tenth of GANexLib's time as its budget. Images are compared to up to 500
training images of the class that nobody trained on, by KID on the features of a classifier of all training images; a
class without any to spare is compared to what it was trained on. The test split is not looked at. GANexLib's images in
FOLDER, of an earlier run of the same set, are used again with the seconds that they took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import yaml
from PIL import Image

import dcgan
from benchmarks import common, datasets
from benchmarks.jobs import last_step_model, samples_of
from benchmarks.policy import Judge
from dcgan.config import parse_resolved
from dcgan.files import storage
from dcgan.run.paths import Run

NUM_IMAGES = 500

GANEXLIB = """
import sys
from GANexLib import expand_dataset
expand_dataset(sys.argv[1], int(sys.argv[2]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peers-python", type=Path, required=True)
    parser.add_argument("--job-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    images, labels, split = datasets.load(args.data)
    split = datasets.long_tail(labels, split, largest=500, imbalance=50, seed=args.seed)
    names = [str(name) for name in np.unique(labels)]
    trained = {name: images[(labels == name) & (split == "train")] for name in names}
    np.savez(work / "data.npz", images=images, labels=labels, split=split)

    # GANexLib, class after class, with both cores to itself.
    timed = work / "ganexlib.json"
    if not timed.exists():
        began = time.monotonic()
        for name in names:
            run_ganexlib(args.peers_python, work / "ganexlib" / name, trained[name])
        storage.write_json(timed, {"seconds": time.monotonic() - began})
    peer_seconds = storage.read_json(timed)["seconds"]
    peer_images = {name: ganexlib_images(work / "ganexlib" / name, trained[name].shape[1:]) for name in names}
    print(f"GANexLib: {peer_seconds:.0f} s", flush=True)

    # The job, in full and with a tenth of that time for its training.
    full_run, full = run_job(work, "full", args.job_set)
    budget = [*args.job_set, f"training.max_minutes={peer_seconds / 600}"]
    _, tenth = run_job(work, "tenth", budget)
    for title, summary in (("job in full", full), ("job in a tenth", tenth)):
        print(f"{title}: {json.dumps(summary['seconds'])}", flush=True)

    # Scores, all by one judge.
    judge = Judge(images[split != "test"], labels[split != "test"])
    rows: list[dict[str, Any]] = []
    for name in names:
        reference = images[(labels == name) & (split == "rest")][:NUM_IMAGES]
        reference = reference if len(reference) >= 50 else trained[name]
        found = {
            "GANexLib": peer_images[name],
            "job in a tenth of its time": released(tenth, name),
            "job in full": released(full, name),
        }
        last = last_step(full_run, full, name)
        rows.append(
            {"class": name, "real": len(trained[name])}
            | {title: judge.kid(made, reference) for title, made in found.items()}
            | {"of this, last step": judge.kid(last, reference), "best step": full["classes"][name]["shipped_step"]}
        )
    header = list(rows[0])
    print(
        common.table(
            header,
            [[f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in header] for row in rows],
        )
    )
    means = {key: float(np.mean([row[key] for row in rows])) for key in header if isinstance(rows[0][key], float)}
    print(json.dumps({"mean KID": means}, indent=1))
    if args.json:
        content = {"machine": common.machine(), "ganexlib_seconds": peer_seconds, "rows": rows, "means": means}
        common.write_json(
            args.json, "quality", content | {"seconds": {"full": full["seconds"], "tenth": tenth["seconds"]}}
        )


def run_ganexlib(python: Path, folder: Path, real: np.ndarray) -> None:
    """Let GANexLib add its images to a folder of real ones."""
    folder.mkdir(parents=True)
    for number, image in enumerate(real):
        Image.fromarray(image.squeeze()).save(folder / f"real_{number}.png")
    subprocess.run(
        [python, "-c", GANEXLIB, folder, str(NUM_IMAGES)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def ganexlib_images(folder: Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """The images that it added, uint8 in the real ones' form."""
    height, width, channels = image_shape
    mode = "L" if channels == 1 else "RGB"
    pictures = [Image.open(file).convert(mode) for file in sorted(folder.glob("generated_img_*.png"))]
    shrunk = [np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)) for picture in pictures]
    return np.stack(shrunk).reshape(-1, height, width, channels)


def run_job(work: Path, name: str, changes: list[str]) -> tuple[Run, dict[str, Any]]:
    """A whole job by the command line: its run and its summary."""
    job = {
        "name": name, "data": {"source": "data.npz", "holdout": "test"}, "generation": {"per_class": NUM_IMAGES},
        "training": {"preset": "quick"}, "gate": {"policy": "report", "classifier_seeds": 2},
    }  # fmt: skip
    (work / f"{name}.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("dcgan")), "run", str(work / f"{name}.yaml"), "--json"]
    command += [part for change in changes for part in ("--set", change)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    summary = json.loads(done.stdout)
    return Run(work / "outputs" / name / "runs" / summary["run_id"]), summary


def released(summary: dict[str, Any], label: str) -> np.ndarray:
    """A class's images in a job's release."""
    release = dcgan.load_release(summary["release"])
    images, numbers = release.arrays()
    of_class: np.ndarray = images[numbers == release.class_names.index(label)]
    return of_class


def last_step(run: Run, summary: dict[str, Any], label: str) -> np.ndarray:
    """As many images of the last step's EMA generator, from the same latents."""
    config = parse_resolved(storage.read_json(run.config), where="benchmark")
    shape = (*summary["image_size"], summary["channels"])
    return samples_of(last_step_model(run, label), config.training, config.generation, label, shape, NUM_IMAGES)


if __name__ == "__main__":
    main()
