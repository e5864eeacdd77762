"""What it is worth to ship the step of the best score, against the last step and other rules.

  python benchmarks/selection.py DATA [--name fashion] [--ranks 1,2,4,5,6,7,8] [--steps 1000] [--seed 0]
                                 [--work FOLDER] [--json FILE]

DATA is made long-tailed (500 images down to 10) and a shared base is trained. Then the classes of the given ranks (the
0th is the largest) are trained to the end, without stopping early, and looked at eight times as ever. At each look, 500
more samples are compared with training images that no GAN saw, on the features of a classifier of all training images:
KID, which no rule knows. What each rule would have shipped is told by it. The test split is not looked at.

- the job's: the last of the steps that score as well as any
- lowest score: of the same scores, by judges that have not seen the real images beside which they score
- one judge's: the lowest score by one judge that was trained on all training images
- last: the step at which training ends
- best: the one of the lowest KID, which cannot be known
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import common, datasets
from benchmarks.jobs import begun, copied, train_base
from dcgan.config import parse_resolved
from dcgan.files import storage

LARGEST, IMBALANCE = 500, 50
NUM_FOR_TRUTH = 500  # samples
LEAST_UNSEEN = 100  # training images that no GAN saw; of a class with fewer, all training images are compared with

Looks = Sequence[dict[str, Any]]


def _best(looks: Looks, key: str) -> int:
    return min(range(len(looks)), key=lambda number: looks[number][key])


RULES: dict[str, Callable[[Looks], int]] = {
    "the job's": lambda looks: next(number for number, look in enumerate(looks) if look["shipped"]),
    "lowest score": lambda looks: _best(looks, "score"),
    "one judge's": lambda looks: _best(looks, "score of one"),
    "last": lambda looks: len(looks) - 1,
    "best": lambda looks: _best(looks, "kid"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--name", default="set")
    parser.add_argument("--ranks", default="1,2,4,5,6,7,8")
    parser.add_argument("--steps", type=int, default=1000, help="optimizer steps of a class")
    parser.add_argument("--seed", type=int, default=0, help="of the long tail")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/selection"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    images, labels, split = datasets.load(args.data)
    split = datasets.long_tail(labels, split, largest=LARGEST, imbalance=IMBALANCE, seed=args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.work / f"{args.name}.npz"
    np.savez(source, images=images, labels=labels, split=split)
    counts = Counter(labels[split == "train"]).most_common()
    run, job = begun(
        {
            "name": args.name,
            "data": {"source": str(source), "holdout": "test"},
            "training": {"preset": "quick", "base_steps": 1500, "class_steps": args.steps},
            "outputs": {"root": str(args.work / "runs")},
        }
    )
    train_base(run, job)

    tasks = [(run.root, source, counts[int(rank)][0]) for rank in args.ranks.split(",")]
    rows: list[dict[str, Any]] = []
    with get_context("spawn").Pool(2) as pool:
        for (_, _, label), looks in zip(tasks, pool.imap(looks_at, tasks), strict=True):
            row: dict[str, Any] = {"class": label, "real": dict(counts)[label], "looks": looks}
            for name, rule in RULES.items():
                row[name] = looks[rule(looks)]
            rows.append(row)
            print(f"class {label}: {len(rows)} of {len(tasks)}", file=sys.stderr, flush=True)
    cells = [
        [row["class"], str(row["real"]), *(f"{row[name]['kid']:.3f} @{row[name]['step']}" for name in RULES)]
        for row in rows
    ]
    cells.append(["mean", "", *(f"{np.mean([row[name]['kid'] for row in rows]):.3f}" for name in RULES)])
    print(common.table(["class", "real images", *RULES], cells))
    if args.json:
        common.write_json(
            args.json, "selection", {"machine": common.machine(), "data": args.data.stem, "results": rows}
        )


def looks_at(task: tuple[Path, Path, str]) -> list[dict[str, Any]]:
    """Train a class, and tell its looks: scores, KID to images that no GAN saw, step, and whether it ships."""
    base, source, label = task
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    import tensorflow as tf  # noqa: PLC0415

    from dcgan.data.split import load_validation  # noqa: PLC0415
    from dcgan.networks.classifier import load_judge  # noqa: PLC0415
    from dcgan.training import policy, score, stage  # noqa: PLC0415
    from dcgan.training.gan import gan  # noqa: PLC0415
    from dcgan.training.precision import chosen_precision  # noqa: PLC0415

    judge, images, labels, split = _judge(source)
    unseen = images[(labels == label) & (split == "rest")]
    truth = functools.partial(judge.kid, reference=unseen if len(unseen) >= LEAST_UNSEEN else images[labels == label])
    looks: list[dict[str, Any]] = []

    class FoldScorer(score.FoldScorer):
        """Looks at more than the job does."""

        def __call__(self, samples: np.ndarray) -> score.Score:
            found = super().__call__(samples)
            latents = tf.random.stateless_normal((NUM_FOR_TRUTH, latent_dim), [5, 7])
            more = np.concatenate([trained.sample(some) for some in tf.split(latents, 4)])
            looks.append({"score": found.value, "score of one": one(samples).value, "kid": truth(more)})
            return found

    variant = copied(base, base.with_name(f"{base.name}-{label}"))
    config = parse_resolved(storage.read_json(variant.config), where="benchmark")
    latent_dim = config.training.latent_dim
    trained = gan(config.training, images.shape[1:], chosen_precision(variant))
    one = score.Scorer(load_judge(variant, images.shape[1:])[0], np.concatenate(load_validation(variant, label)))
    setattr(stage, "FoldScorer", FoldScorer)  # noqa: B010 (so that mypy takes it)
    policy.PATIENCE = policy.NUM_LOOKS + 1
    record = stage.train_class(variant, config, label, None, lambda _: None)
    steps = [scored.step for scored in record.scores]
    return [
        look | {"step": step, "shipped": step == record.shipped_step} for look, step in zip(looks, steps, strict=True)
    ]


@functools.cache
def _judge(source: Path) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """This process's judge of the set, and the set without its test split: images, labels and split."""
    from benchmarks.policy import Judge  # noqa: PLC0415

    images, labels, split = datasets.load(source)
    known = split != "test"
    return Judge(images[known], labels[known]), images[known], labels[known], split[known]


if __name__ == "__main__":
    main()
