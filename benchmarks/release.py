"""Releases at the size of 100,000 images, and manifests of a million rows.

  python benchmarks/release.py [--images N] [--rows N] [--out FOLDER] [--json FILE]

Real digits as PNG files, written as often as there are images to be, with a manifest and a release.json that are right,
in each form. What a release is read and checked for is timed with the files in the system's cache, as they are just
after they were written. Each measurement is a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import common, datasets
from dcgan.config import parse_job
from dcgan.execution.determinism import load_tensorflow
from dcgan.files import storage
from dcgan.generation.png import encode, image_id
from dcgan.release import formats
from dcgan.release.contents import MIN_IMAGE_BYTES
from dcgan.release.manifest import ManifestWriter
from dcgan.release.reader import load_release
from dcgan.release.verify import verify
from dcgan.run import records, runs
from dcgan.run.records import CatalogueRecord, ClassOutcome, Ending, ReleaseRecord, Verdict

NUM_COPIED = 20_000  # files that ways of copying are compared on
NUM_TINY = 1_000  # different images
JOB, RUN_ID = "digits", "20260101-000000"
NAME = f"{JOB}-{RUN_ID}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="folder for the releases, a new one (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp())
    figures: dict[str, Any] = {}
    rows: list[tuple[str, str]] = []

    def tell(name: str, value: float, unit: str) -> None:
        figures[f"{name}, {unit}"] = value
        rows.append((f"{name}, {unit}", f"{value:,.2f}" if value < 10 else f"{value:,.0f}"))

    try:
        # Images in each form: written, checked, read.
        for kind in ("files", "tfrecord", "webdataset"):
            folder = out / kind
            for name, of_images in (("written", build), ("checked by verify", check), ("read by arrays()", read)):
                seconds, peak = alone(of_images, folder, kind, args.images)
                tell(f"{kind}: {name}", args.images / seconds, "images/s")
                tell(f"{kind}: {name}, peak memory", peak, "MB")

        # A manifest that is large by many classes, or by large ones.
        for num_classes in (10, 10_000):
            folder = out / f"manifest-{num_classes}"
            name = f"{args.rows:,} rows of {num_classes:,} classes"
            for step, work in (
                ("written", build_manifest),
                ("load_release", opened),
                ("and its manifest", with_manifest),
            ):
                seconds, peak = alone(work, folder, num_classes, args.rows)
                tell(f"{name}: {step}", seconds, "s")
                tell(f"{name}: {step}, peak memory", peak, "MB")

        # Ways to put a file of the run into the release.
        for name, seconds in copies(out / "files", min(args.images, NUM_COPIED)).items():
            tell(f"a small PNG {name}", seconds * 1e6, "µs")
    finally:
        shutil.rmtree(out)
    print(common.table(("figure", "value"), rows))
    if args.json:
        common.write_json(args.json, "release", {"machine": common.machine(), "figures": figures})


def alone(work: Callable[..., float], *arguments: Any) -> tuple[float, float]:
    """Seconds that a process of its own gives, and its peak memory in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, *arguments))


def _measured(work: Callable[..., float], *arguments: Any) -> tuple[float, float]:
    seconds = work(*arguments)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def build(folder: Path, kind: str, num_images: int) -> float:
    """A release of ten classes: seconds for images and manifest."""
    images, labels, _ = datasets.digits()
    pngs = [
        encode(image, job=JOB, label=label, index=number, model_sha256="0" * 64)
        for number, (image, label) in enumerate(zip(images[::5], labels[::5], strict=True))
    ][:NUM_TINY]
    digests = [storage.sha256_bytes(png) for png in pngs]
    folder.mkdir(parents=True)
    if kind == "tfrecord":
        load_tensorflow()
    began = time.perf_counter()
    per_class = num_images // 10
    endless = itertools.cycle(zip(pngs, digests, strict=True))
    with (
        ManifestWriter(folder, image_folder=kind == "files") as manifest,
        formats.writer(kind, folder, NAME, num_images) as write,
    ):
        for class_index in range(10):
            made = list(itertools.islice(endless, per_class))
            table = _rows(class_index, per_class, [digest for _, digest in made])
            paths = [write(row, png) for row, (png, _) in zip(table.to_dict("records"), made, strict=True)]
            manifest.add(table.assign(path=paths))
    seconds = time.perf_counter() - began
    _write_record(folder, 10, per_class)
    return seconds


def build_manifest(folder: Path, num_classes: int, num_rows: int) -> float:
    """A release whose one shard has room for its images and none of them: seconds for its manifest, class by class."""
    folder.mkdir(parents=True)
    per_class = num_rows // num_classes
    shard = formats.shard_path("webdataset", NAME, 0)
    (folder / "shards").mkdir()
    with (folder / shard).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, num_rows * MIN_IMAGE_BYTES)
    began = time.perf_counter()
    with ManifestWriter(folder, image_folder=False) as manifest:
        for class_index in range(num_classes):
            table = _rows(class_index, per_class, ["0" * 64] * per_class)
            manifest.add(table.assign(path=[f"{shard}#{name}.png" for name in table["image_id"]]))
    seconds = time.perf_counter() - began
    _write_record(folder, num_classes, per_class)
    return seconds


def check(folder: Path, _kind: str, _num_images: int) -> float:
    with _timed() as seconds:
        verify(folder)
    return seconds()


def read(folder: Path, _kind: str, num_images: int) -> float:
    with _timed() as seconds:
        images, _ = load_release(folder).arrays()
    assert len(images) == num_images
    return seconds()


def opened(folder: Path, _num_classes: int, _num_rows: int) -> float:
    with _timed() as seconds:
        load_release(folder)
    return seconds()


def with_manifest(folder: Path, _num_classes: int, num_rows: int) -> float:
    with _timed() as seconds:
        manifest = load_release(folder).manifest
    assert len(manifest) == num_rows
    return seconds()


def copies(release: Path, count: int) -> dict[str, float]:
    """Seconds per file of each way to give a release a file of the run; and of the checksum that is due anyway."""
    files = list(itertools.islice((release / "images").rglob("*.png"), count))
    ways: dict[str, Callable[[str, str], Any]] = {
        "linked": os.link,
        "copied by content": lambda source, target: Path(target).write_bytes(Path(source).read_bytes()),
        "copied by copy_file_range": _copy_file_range,
        "read and hashed": lambda source, _: storage.sha256(Path(source)),
    }
    told = {}
    for name, way in ways.items():
        folder = release.with_name("copies")
        folder.mkdir()
        with _timed() as seconds:
            for number, file in enumerate(files):
                way(str(file), f"{folder}/{number}.png")
        told[name] = seconds() / len(files)
        shutil.rmtree(folder)
    return told


def _copy_file_range(source: str, target: str) -> None:
    with open(source, "rb") as old, open(target, "wb") as new:  # noqa: PTH123 (as plain as it gets)
        os.copy_file_range(old.fileno(), new.fileno(), 2**30)


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    began = time.perf_counter()
    ended: list[float] = []
    yield lambda: ended[0] - began
    ended.append(time.perf_counter())


def _rows(class_index: int, count: int, digests: list[str]) -> pd.DataFrame:
    """Rows as generation leaves them, and what a release adds; but for `path`."""
    label = _label(class_index)
    return pd.DataFrame(
        {
            "image_id": [image_id(label, index) for index in range(count)],
            "label": label,
            "class_index": class_index,
            "split": "train",
            "seed": 0,
            "index": range(count),
            "model_sha256": storage.sha256_bytes(b""),
            "image_sha256": digests,
            "height": 28,
            "width": 28,
            "channels": 1,
            "critic_score": 0.5,
            "label_confidence": 0.5,
            "nearest_real_distance": [index / count for index in range(count)],
            "nearest_real_path": [f"{label}/{index % 500:04d}.png" for index in range(count)],
            "run_id": RUN_ID,
        }
    )


def _label(class_index: int) -> str:
    return f"{class_index:05d}"


def _write_record(folder: Path, num_classes: int, per_class: int) -> None:
    """`release.json` and its checksum; the models are empty."""
    config = parse_job({"name": JOB, "data": {"source": "digits"}}, where="here").resolve(folder)
    labels = [_label(number) for number in range(num_classes)]
    (folder / "models").mkdir()
    for label in labels:
        (folder / formats.model_path(label)).touch()
    classes = {
        label: ClassOutcome(
            class_index=number, train=9, holdout=9, requested=per_class, accepted=per_class, tried=per_class,
            verdict=Verdict.SHIPPED, reason="helps", synthetic_share=0.5, model_sha256=storage.sha256_bytes(b""),
        )
        for number, label in enumerate(labels)
    }  # fmt: skip
    files = {
        path.relative_to(folder).as_posix(): storage.sha256(path)
        for path in (*folder.glob("*.*"), *folder.glob("shards/*"), *folder.glob("models/*"))
    }
    record = ReleaseRecord.model_validate(
        {
            **dict(runs.provenance(config)), "run_id": RUN_ID, "job": JOB, "ending": Ending.COMPLETED,
            "state": "Completed", "started": runs.now(), "finished": runs.now(), "image_size": (28, 28), "channels": 1,
            "catalogue": CatalogueRecord(num_files=0, classes={}, image_size=(28, 28), channels=1), "classes": classes,
            "config": config.model_dump(mode="json"), "files": files,
        }
    )  # fmt: skip
    records.write(folder / "release.json", record)
    storage.write_text(folder / "release.sha256", f"{storage.sha256(folder / 'release.json')}  release.json\n")


if __name__ == "__main__":
    main()
