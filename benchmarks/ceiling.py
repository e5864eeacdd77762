"""How much could more images of the rare classes be worth, and how much of that do ours give?

  python -m benchmarks.ceiling DATA|digits [--each 20] [--side 32] [--data-seed 7] [--classifier-seeds 4] [--mixup]
                               [--peer NAME=FILE ...] [--work FOLDER] [--json FILE]

A long tail as in `utility.py`, or N images of every class, and its small classifier. Of the training images that are
left over, one half stands for images that someone might collect, the other is tested on. Nothing of the test split is
looked at, so that methods may be chosen by what this says. In half of a rare class's draws stand, in turn: more real
images, as many as there are, twice and four times as many; all that there are, in nine tenths of the draws; the job's
images; those of several steps of the same trainings; and those of GANs that learnt from all the real images that might
be collected. The last is what this kind of GAN can pass on where it is not starved.

Balanced accuracy is over the classes of which images are left to test on. With `--mixup` every classifier is trained
with mixup, the first too. `--peer` names another's images, uint8 (N, H, W, C) under each class's number in an `.npz`
file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import common, utility
from benchmarks.utility import Recipe, Set, put

MANY = 5000  # images of each rare class
STEPS = (200, 300, 400, 500)  # of a class, whose images are put together; a training's own number is the last

SLOTS: dict[str, tuple[str, float]] = {
    "nothing": ("", 0.0),
    "as many more real images again": ("real-1", 0.5),
    "twice as many": ("real-2", 0.5),
    "four times as many": ("real-4", 0.5),
    "all real images that are left, 90% of the draws": ("real-all", 0.9),
    f"our {utility.NUM_IMAGES:,} images": ("ours", 0.5),
    f"our {MANY:,} images": ("ours-many", 0.5),
    f"our {MANY:,} images, of four steps of each training": ("ours-steps", 0.5),
    f"{MANY:,} images of GANs that learnt from all real images that are left": ("rich", 0.5),
}
"""File of images, and share of a rare class's draws, by what a row says."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    utility.add_set(parser)
    parser.add_argument("--data-seed", type=int, default=7, help="of no figure that is reported elsewhere")
    parser.add_argument("--classifier-seeds", type=int, default=4)
    parser.add_argument("--mixup", action="store_true")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--processes", type=int, default=2, help="classifiers that are trained side by side")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/ceiling"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    work = args.work / utility.name_of(args, args.data_seed)
    folder = work / "pools"
    folder.mkdir(parents=True, exist_ok=True)
    data = utility.cut(args, args.data_seed)
    spare, tested = halves(data, args.data_seed)
    utility.put_real(folder, data, tested)
    put_more(folder, data, spare)
    put_ours(folder, work, data, spare)

    slots = dict(SLOTS)
    for peer in args.peer:
        name, _, file = peer.partition("=")
        slots[name] = name, 0.5
        with np.load(file) as images:
            put(folder, name, {number: images[str(number)] for number in data.rare})
    recipes = [Recipe(title, name, share, mixup=args.mixup) for title, (name, share) in slots.items()]
    tasks = [(recipe, seed) for seed in range(args.classifier_seeds) for recipe in recipes]
    found = utility.all_recalls(folder, "small", tasks, flip=False, processes=args.processes)
    results = [
        {"recipe": recipe.title, "seed": seed, "balanced": float(np.nanmean(of)), "rare": float(of[data.rare].mean())}
        for (recipe, seed), of in zip(tasks, found, strict=True)
    ]
    print(f"{args.data.stem}{', mixup' if args.mixup else ''}\n{report(results)}")
    if args.json:
        common.write_json(args.json, "ceiling", {"machine": common.machine(), "results": results})


def halves(data: Set, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the training images that are left over: those that might be collected, and those that are tested on.

    Returns:
        A mask of all images each (N,).
    """
    left = np.random.default_rng(seed).permutation(np.flatnonzero(data.split == "rest"))
    spare = np.zeros(len(data.labels), bool)
    spare[left[::2]] = True
    return spare, (data.split == "rest") & ~spare


def put_more(folder: Path, data: Set, spare: np.ndarray) -> None:
    """Leave more real images of the rare classes: as many as there are, twice, four times, and all."""
    for times in (1, 2, 4, None):
        more = {}
        for number in data.rare:
            images = data.images[spare & (data.labels == data.names[number])]
            more[number] = images[: times * len(data.of_class(number, "train"))] if times else images
        put(folder, f"real-{times or 'all'}", more)


def put_ours(folder: Path, work: Path, data: Set, spare: np.ndarray) -> None:
    """Leave the job's images of the rare classes: of all kinds that `SLOTS` names."""
    rare = [data.names[number] for number in data.rare]

    def made(name: str, split: np.ndarray, count: int, training: Mapping[str, Any]) -> dict[int, np.ndarray]:
        changes = {"training": {"preset": "quick", **training}}
        run, job = utility.our_run(work / name, data.images, data.labels, split, rare, changes, count=count)
        images = utility.our_images(run, job, rare, count)
        return {number: images[data.names[number]] for number in data.rare}

    many = made("job", data.split, MANY, {})
    part = MANY // len(STEPS)
    steps = [made(f"job-{count}", data.split, part, {"class_steps": count}) for count in STEPS[:-1]]
    put(folder, "ours", {number: images[: utility.NUM_IMAGES] for number, images in many.items()})
    put(folder, "ours-many", many)
    put(
        folder,
        "ours-steps",
        {number: np.concatenate([images[:part], *(of[number] for of in steps)]) for number, images in many.items()},
    )
    rich = np.where(spare & np.isin(data.labels, rare), "train", data.split)
    put(folder, "rich", made("rich", rich, MANY, {}))


def report(results: list[dict[str, Any]]) -> str:
    """A table: each row's means, and what it adds to the first's, with the standard error over classifier seeds."""
    titles = list(dict.fromkeys(row["recipe"] for row in results))
    rows = []
    for title in titles:
        cells = [title]
        for measure in ("rare", "balanced"):
            of, before = (
                np.array([100 * row[measure] for row in results if row["recipe"] == name])
                for name in (title, titles[0])
            )
            gains = of - before
            error = gains.std(ddof=1) / np.sqrt(len(gains))
            cells += [f"{of.mean():.1f}", "" if title == titles[0] else f"{gains.mean():+.1f} ± {error:.1f}"]
        rows.append(cells)
    return common.table(["in the synthetic slot", "rare recall, %", "gain, points", "balanced, %", "gain"], rows)


if __name__ == "__main__":
    main()
