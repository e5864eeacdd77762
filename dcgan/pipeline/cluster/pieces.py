"""The pieces of a run's folder, and which of them each stage reads and writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dcgan.curation.parts import SHARD_RECORD, Shard
from dcgan.files import storage
from dcgan.run.paths import Run, escape
from dcgan.training import snapshots


@dataclass(frozen=True)
class Files:
    """The pieces of one stage; `*` are all that are whole.

    `{}` is the class, or the classifier's number, that it is about; of a shard it is the class, and a second one its
    index.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]


STAGES = {
    "judge": Files(("job", "split/*"), ("judge",)),
    "base": Files(("job", "split/*", "judge"), ("base",)),
    "train": Files(("job", "split/{}", "judge", "base"), ("training/{}", "model/{}")),
    "make": Files(("job", "split/{}", "judge", "base"), ("training/{}", "model/{}", "generation/{}")),
    "make_shards": Files(("job", "split/{}", "judge", "model/{}"), ("shards/{}/{}",)),
    "try_shares": Files(("job", "split/*", "generation/*", "evaluation/share.json"), ("evaluation/tried-{}.npz",)),
    "measure": Files(("job", "split/*", "generation/*", "evaluation/share.json"), ("evaluation/compared-{}.npz",)),
    "measures": Files(("job", "split/*", "judge", "generation/*"), ("evaluation/measures.json",)),
}
"""By the names of the functions in `dcgan.pipeline.stages`."""

EVALUATIONS = ("try_shares", "measure")  # how the names of those stages begin
RESUMED = ("base", "train", "make")  # stages that another machine can go on with, from their newest snapshot


def named(pieces: Iterable[str], about: object) -> list[str]:
    """Pieces of one class, or of some classifiers or shards (a tuple)."""
    subjects = about if isinstance(about, tuple) else (about,)
    keys = [(escape(one.label), one.first) if isinstance(one, Shard) else (escape(str(one)),) for one in subjects]
    return list(dict.fromkeys(piece.format(*key) for piece in pieces for key in keys))


def paths(folder: Path, piece: str) -> list[Path]:
    """The files and folders that are a piece, of those in a run's folder."""
    match piece.split("/"):
        case ["job"]:  # the run's own records, and what is known of all images
            return [path for path in (*folder.glob("*.json"), *folder.glob("split/*")) if path.is_file()]
        case ["judge"]:
            found = [folder / "judge", folder / "precision.json"]
        case ["model", label]:
            found = [folder / "training" / label / "model.npz"]
        case _:
            found = [folder / piece]
    return [path for path in found if path.exists()]


def is_whole(run: Run, piece: str) -> bool:
    """Whether a run's folder has all of a piece, by what is written last."""
    match piece.split("/"):
        case ["job"]:
            last = run.leakage
        case ["judge"]:
            last = run.precision
        case ["model", label]:
            last = run.root / "training" / label / "model.npz"
        case ["base"] | ["training" | "generation", _]:
            last = run.root / piece / "record.json"
        case ["shards", _, _]:
            last = run.root / piece / SHARD_RECORD
        case _:
            last = run.root / piece
    return last.exists()


def stands(stage: str, run: Run, about: object) -> bool:
    """Whether a stage's output is all there, for good. Evaluations can be done again, when there is more to measure."""
    return not stage.startswith(EVALUATIONS) and all(
        is_whole(run, piece) for piece in named(STAGES[stage].writes, about)
    )


def whole_ones(run: Run, pattern: str) -> list[str]:
    """The pieces that `<folder>/*` stands for, of those in a run's folder."""
    folder = pattern.removesuffix("/*")
    pieces = [f"{folder}/{path.name}" for path in sorted((run.root / folder).glob("*/"))]
    return [piece for piece in pieces if is_whole(run, piece)]


def files_of(run: Run, piece: str) -> Iterator[Path]:
    """The files of a piece that are of use to another machine: nothing half-written, and of snapshots the newest."""
    for path in paths(run.root, piece):
        if path.is_file():
            yield path
        left_out = set(snapshots.superseded(path)) if path.is_dir() else set()
        for root, folders, names in os.walk(path):
            folders.sort()
            for file in (Path(root, name) for name in sorted(names)):
                if file not in left_out and not file.name.startswith(storage.TEMPORARY_PREFIX):
                    yield file
