"""The pieces of a run's folder that stages read and write: their files, and whether they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dcgan.curation.parts import SHARD_RECORD
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.pipeline.stages import Portion, Stage
from dcgan.run.paths import Run
from dcgan.training import snapshots


def named(pieces: Iterable[str], portion: Portion) -> list[str]:
    """The pieces of one portion of a stage, from the names that the stage declares."""
    keys = [tuple(escape(name) for name in subject) for subject in portion.subjects]
    return list(dict.fromkeys(piece.format(*key) for piece in pieces for key in keys))


def paths(folder: Path, piece: str) -> list[Path]:
    """The files and folders of a piece that exist in a run's folder."""
    match piece.split("/"):
        case ["job"]:  # the run's own records, and the tables of all images
            return [path for path in (*folder.glob("*.json"), *folder.glob("split/*")) if path.is_file()]
        case ["judge"]:
            found = [folder / "judge", folder / "precision.json"]
        case ["model", label]:
            found = [folder / "training" / label / "model.npz"]
        case _:
            found = [folder / piece]
    return [path for path in found if path.exists()]


def is_whole(run: Run, piece: str) -> bool:
    """Whether a run's folder has a piece in full: whether the file exists that is written last."""
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


def stands(stage: Stage, run: Run, portion: Portion) -> bool:
    """Whether everything that a portion of a stage writes exists and will not change."""
    return not stage.repeated and all(is_whole(run, piece) for piece in named(stage.writes, portion))


def whole_ones(run: Run, pattern: str) -> list[str]:
    """The complete pieces in a run's folder that `<folder>/*` stands for."""
    folder = pattern.removesuffix("/*")
    pieces = [f"{folder}/{path.name}" for path in sorted((run.root / folder).glob("*/"))]
    return [piece for piece in pieces if is_whole(run, piece)]


def files_of(run: Run, piece: str) -> Iterator[Path]:
    """The files of a piece that another machine needs: nothing half-written, and only the newest snapshot."""
    for path in paths(run.root, piece):
        if path.is_file():
            yield path
        left_out = set(snapshots.superseded(path)) if path.is_dir() else set()
        for root, folders, names in os.walk(path):
            folders.sort()
            for file in (Path(root, name) for name in sorted(names)):
                if file not in left_out and not file.name.startswith(storage.TEMPORARY_PREFIX):
                    yield file
