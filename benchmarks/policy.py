"""What the training policy was chosen by: variants of training a class, scored on training images that no GAN saw.

  python benchmarks/policy.py DATA [--name fashion] [--ranks 0,4,7,9] [--variants NAME,NAME] [--work FOLDER]

DATA is made long-tailed (500 images down to 10). One shared base is trained; then each variant trains the classes of
the given ranks from it (the 0th is the largest). Each is scored by KID, coverage and diversity of 500 samples against
up to 500 left-over training images of the class, on the features of a classifier that was trained on all training
images of all classes, tail or not: sharper eyes than the job's own classifier. The test split is not looked at. In
brackets: KID of the last step, which would have shipped if the best were not kept.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import datasets
from benchmarks.jobs import begun, copied, last_step_model, order_of, samples_of, train_base
from dcgan.config import GenerationConfig, ResolvedJob, parse_resolved
from dcgan.files import storage
from dcgan.pipeline.performing import by_threads
from dcgan.run.paths import Run

VARIANTS: dict[str, dict[str, Any]] = {
    "standard": {},
    "steps 150": {"class_steps": 150},
    "steps 600": {"class_steps": 600},
    "steps 1200": {"class_steps": 1200},
    "no brightness": {"augmentation": ["translation"]},
    "cutout": {"augmentation": ["translation", "brightness", "cutout"]},
    "all kinds": {"augmentation": ["translation", "brightness", "contrast", "saturation", "cutout"]},
    "none": {"augmentation": []},
    "lr 1e-4": {"learning_rate": 1e-4},
    "lr 4e-4": {"learning_rate": 4e-4},
    "batch 16": {"batch_size": 16},
    "scratch": {"base": False, "class_steps": 1500},
    "long": {"class_steps": 6000},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--name", default="set")
    parser.add_argument("--ranks", default="0,4,7,9")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--base-steps", type=int, default=1500)
    parser.add_argument("--class-steps", type=int, default=300)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks"))
    parser.add_argument("--largest", type=int, default=500)
    parser.add_argument("--imbalance", type=float, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    # The long tail as a job, and its base.
    images, labels, split = datasets.load(args.data)
    split = datasets.long_tail(labels, split, largest=args.largest, imbalance=args.imbalance, seed=args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.work / f"{args.name}.npz"
    np.savez(source, images=images, labels=labels, split=split)
    counts = Counter(labels[split == "train"]).most_common()
    chosen = [counts[int(rank)] for rank in args.ranks.split(",")]
    values = {
        "name": args.name,
        "data": {"source": str(source), "holdout": "test"},
        "training": {"preset": "quick", "base_steps": args.base_steps, "class_steps": args.class_steps},
        "outputs": {"root": str(args.work / "runs")},
    }
    run, job = begun(values)
    train_base(run, job)

    # Variants, two classes side by side.
    judge = Judge(images[split != "test"], labels[split != "test"])
    print(f"{args.name}: " + ", ".join(f"{label} {count}" for label, count in chosen), flush=True)
    results = []
    for name in args.variants.split(","):
        began = time.monotonic()
        variant = _variant(run, job, name, VARIANTS[name])
        config = parse_resolved(storage.read_json(variant.config), where="variant")
        with by_threads(config) as start:
            order_of(variant, config, start, dict(chosen)).train()
        records = [storage.read_json(variant.training(label) / "record.json") for label, _ in chosen]
        row: dict[str, Any] = {"set": args.name, "variant": name, "wall_seconds": round(time.monotonic() - began, 1)}
        row["classes"] = {}
        for (label, count), record in zip(chosen, records, strict=True):
            reference = images[(labels == label) & (split == "rest")][:500]
            if len(reference) < 100:
                reference = images[(labels == label) & (split != "test")]
            score = judge.score(variant, config, label, reference)
            row["classes"][label] = {
                "train": count,
                "shipped_step": record["shipped_step"],
                "steps": record["steps"],
                **score,
            }
        results.append(row)
        told = "  ".join(
            f"{entry['train']}: {entry['kid']:.3f} {entry['coverage']:.2f} @{entry['shipped_step']} "
            f"(last {entry['last_kid']:.3f} @{entry['steps']})"
            for entry in row["classes"].values()
        )
        print(f"{name:16} {row['wall_seconds']:6.1f} s  {told}", flush=True)
        storage.write_json(args.work / f"{args.name}-policy.json", results)


def _variant(run: Run, job: ResolvedJob, name: str, changes: dict[str, Any]) -> Run:
    """A copy of the run with other training."""
    variant = copied(run.root, run.root.parent / f"{run.id}-{name.replace(' ', '-')}")
    training = job.training.model_copy(update=changes)
    storage.write_json(variant.config, job.model_copy(update={"training": training}).model_dump(mode="json"))
    return variant


class Judge:
    """A classifier of all training images, and scores on its features."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, steps: int = 2000) -> None:
        from dcgan.networks.batches import Batches  # noqa: PLC0415 (the command line should answer before TensorFlow)
        from dcgan.networks.classifier import Trainer, looker  # noqa: PLC0415

        pools = [images[labels == label] for label in np.unique(labels)]
        trainer = Trainer(images.shape[1:], len(pools), ["translation", "brightness"])
        model = trainer.train(Batches(pools, stream=1), steps, 1, lambda _: None)
        self._look = looker(model.get_weights(), images.shape[1:])

    def kid(self, samples: np.ndarray, reference: np.ndarray) -> float:
        """KID of samples, uint8 (N, H, W, C), to real images."""
        from dcgan.training.score import Scorer  # noqa: PLC0415

        return round(Scorer(self._look, reference)(samples).kid, 4)

    def measures(self, samples: np.ndarray, reference: np.ndarray) -> dict[str, float]:
        """`kid`, `precision` and `coverage` of samples, uint8 (N, H, W, C), beside real images."""
        from dcgan.evaluation.metrics.prdc import COVERAGE, PRECISION, prdc  # noqa: PLC0415

        real, made = self._look(reference)[1], self._look(samples)[1]
        found = prdc(real, made, np.random.default_rng(0))
        measured = {"precision": found[PRECISION.name].value, "coverage": found[COVERAGE.name].value}
        return {"kid": self.kid(samples, reference)} | {name: float(value or 0) for name, value in measured.items()}

    def score(self, run: Run, config: ResolvedJob, label: str, reference: np.ndarray) -> dict[str, float]:
        """Scores of a trained class; `last_kid` is what the last step would have shipped."""
        from dcgan.training.score import Scorer  # noqa: PLC0415

        scorer, draws = Scorer(self._look, reference), GenerationConfig(seed=12345)
        shape = reference.shape[1:]
        shipped, last = (
            scorer(samples_of(file, config.training, draws, label, shape, 500))
            for file in (run.model(label), last_step_model(run, label))
        )
        return {
            "kid": round(shipped.kid, 4),
            "coverage": round(shipped.coverage, 3),
            "diversity": round(shipped.diversity, 3),
            "last_kid": round(last.kid, 4),
        }


if __name__ == "__main__":
    main()
