"""Fingerprints: what each result depends on, as hashes along the way of the data.

| fingerprint | of | depends on |
| --- | --- | --- |
| `trainings` | all trainings | version, format, form of the images, seed, `training`, given base, unlabelled images |
| `judge` | the classifier of real images | version and format, form, seed, its keys of `gate`, all training images |
| `images` | a class's real images | their pixels and sides |
| `training` | a class's model | `trainings`, its training images |
| `generation` | a class's images | `training`, `curation`, `generation.truncation` |
| `recipe` | what to train a classifier with | `trainings`, `curation`, `gate`, the classes that images are asked of |
| `evaluation` | the verdicts | `judge`, those of all classes, the plan, `gate`, `measures` |
| `release` | what is published | `evaluation`, the job's name, `outputs.format`, `outputs.base` |

Names, order and place of files do not count, nor do threads, which affect only the last bits. The number of images
wanted counts for `evaluation` only: candidates are the same however many are made. A result is as good as a new one
while its fingerprint stays the same; `dcgan.pipeline.reuse` decides what a night does again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from dcgan.config import ResolvedJob, extractors
from dcgan.data import lineage
from dcgan.data.split import HOLDOUT, TRAIN, assign
from dcgan.files import storage
from dcgan.run.records import ClassFingerprints, ClassPlan, FingerprintsRecord
from dcgan.run.runs import FORMAT
from dcgan.training import given

_NO_RESULT = {"preset", "snapshot_seconds", "base_from"}  # keys of `training`: what they lead to counts


class Sides(TypedDict):
    """The real images of one class: the first 64 bits of each one's SHA-256 of pixels, sorted, uint64 (n,)."""

    train: np.ndarray
    holdout: np.ndarray


def real_images(table: pd.DataFrame, holdout: float | str) -> dict[str, Sides]:
    """The accepted images of each class that has any.

    Args:
        table: the catalogue.
        holdout: the job's.
    """
    assigned = assign(table, holdout)
    codes = lineage.codes(assigned["image_sha256"])
    labels, sides = assigned["label"].to_numpy(), assigned["split"].to_numpy()
    of_class = pd.Series(np.arange(len(assigned))).groupby(labels).indices
    return {
        str(label): Sides(
            train=np.sort(codes[rows[sides[rows] == TRAIN]]), holdout=np.sort(codes[rows[sides[rows] == HOLDOUT]])
        )
        for label, rows in of_class.items()
    }


def take(
    job: ResolvedJob, images: Mapping[str, Sides], image_shape: tuple[int, int, int], plan: Mapping[str, ClassPlan]
) -> FingerprintsRecord:
    """The fingerprints of a run.

    Args:
        job: resolved.
        images: see `real_images`.
        image_shape: (H, W, C) of the run's images.
        plan: what is to be made of each class.
    """
    begun = [FORMAT, _version(), image_shape, job.generation.seed]
    # Not which they are: a folder that grows every night must not train every class anew.
    beside = ["images without labels"] if job.data.unlabelled else []
    if base := given.of_job(job):
        beside += ["given base", storage.sha256_bytes(base.model)]
    trainings = _hash(*begun, job.training.model_dump(mode="json", exclude=_NO_RESULT), *beside)
    train = {label: _hash(sides["train"].tobytes().hex()) for label, sides in images.items()}
    curation = _hash(job.curation.model_dump(mode="json"), job.generation.truncation)
    classes: dict[str, ClassFingerprints] = {}
    for label, sides in images.items():
        training = _hash(trainings, train[label])
        generation = _hash(training, curation)
        of_images = _hash(train[label], sides["holdout"].tobytes().hex())
        classes[label] = ClassFingerprints(images=of_images, training=training, generation=generation)
    gate = job.gate
    trained_on = {label: digest for label, digest in train.items() if len(images[label]["train"])}
    judge = _hash(*begun, gate.judge_steps, gate.augmentation, trained_on)
    wanted = {label: [entry.requested, entry.state.value] for label, entry in plan.items()}
    asked = {label: entry.requested > 0 for label, entry in plan.items()}
    of_recipe = gate.model_dump(mode="json", exclude={"policy", "classifier_seeds"})
    recipe = _hash(trainings, curation, of_recipe, asked)
    measured = [job.measures.model_dump(mode="json"), _extractor(job.measures.features)]
    of_classes = {label: of_class.model_dump(mode="json") for label, of_class in classes.items()}
    evaluation = _hash(judge, of_classes, wanted, gate.model_dump(mode="json"), measured)
    release = _hash(evaluation, job.name, job.outputs.format, *(["with the base"] if job.outputs.base else []))
    return FingerprintsRecord(
        trainings=trainings, judge=judge, recipe=recipe, evaluation=evaluation, release=release, classes=classes
    )


def _hash(*parts: Any) -> str:
    return storage.sha256_bytes(json.dumps(parts, sort_keys=True).encode())[:32]


def _extractor(features: str) -> str:
    """The checksum of a model that is a file: under the same name, it may be another."""
    kind, name = extractors.kind_and_name(features)
    return storage.sha256(Path(name)) if kind == "onnx" else ""


@functools.cache
def _version() -> str:
    return metadata.version("dcgan-augment")
