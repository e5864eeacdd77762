"""What each filter of curation is worth by itself, on images of rare classes.

  python benchmarks/curation.py DATA [--each 20] [--data-seed 0] [--classifier-seeds 3] [--work FOLDER] [--json FILE]

DATA loses training images as in `utility.py`, whose runs are used where they are there already. Of each rare class
1,000 images are collected with no filter, and again with each filter alone, with truncated latents, and with the half
that the discriminator likes better. Each set is compared to left-over training images of its class that no GAN saw, on
the features of a classifier of all training images: KID, precision and coverage, means over classes. Then classifiers
are trained, as `utility.py` does it: with half of the rare classes' draws synthetic (rare recall), and with all of them
(GAN-train: what can be learnt of the rare classes from synthetic images alone). They are tested on the left-over
training images as well: filters are chosen by this table, and the test split is not for choosing. A filter that rejects
nothing is not measured again.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import common, datasets
from benchmarks.jobs import order_of
from benchmarks.utility import (
    BASELINE,
    IMBALANCE,
    LARGEST,
    NUM_HOLDOUT,
    NUM_IMAGES,
    RARE,
    Recipe,
    all_recalls,
    few_of_each,
    our_run,
    put,
)
from dcgan.config import ResolvedJob
from dcgan.files import pictures, storage
from dcgan.pipeline.performing import by_threads
from dcgan.run.paths import Run

VARIANTS: dict[str, dict[str, Any]] = {
    "no filter": {},
    **{name: {"curation": {"filters": [name]}} for name in ("blank", "copy", "duplicate", "label", "outlier")},
    "critic, better half": {"curation": {"critic_share": 0.5}},
    "truncation at 1": {"generation": {"truncation": 1.0}},
}
RECIPES = [Recipe("half", "made", 0.5), Recipe("GAN-train", "made", 1.0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--each", type=int)
    parser.add_argument("--data-seed", type=int, default=0)
    parser.add_argument("--classifier-seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/utility"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    # The set, its run up to the trained classes, and who judges.
    images, labels, split = datasets.load(args.data)
    names = sorted(set(labels))
    seed = args.data_seed
    if args.each:
        split = few_of_each(labels, split, args.each, seed)
    else:
        split = datasets.long_tail(labels, split, largest=LARGEST, imbalance=IMBALANCE, seed=seed)
    real = [images[(labels == name) & (split == "train")] for name in names]
    rare = [number for number, of_class in enumerate(real) if args.each or len(of_class) <= RARE]
    work = args.work / f"{args.data.stem}-{args.each or 'tail'}-{seed}-curation"
    for_job = datasets.hold_out(labels, split, NUM_HOLDOUT, seed)
    run, job = our_run(
        work, images, labels, for_job, [names[number] for number in rare], {"curation": {"filters": ["label"]}}
    )
    from benchmarks.policy import Judge  # noqa: PLC0415 (imports TensorFlow)

    judge = Judge(images[split != "test"], labels[split != "test"])
    left_over = split == "rest"
    tested = {"images": images[left_over], "truth": np.searchsorted(names, labels[left_over])}

    # Variants: images, measures, classifiers.
    rows: list[dict[str, Any]] = []
    for title, changes in VARIANTS.items():
        made = collected(run, job, title, changes, [names[number] for number in rare])
        if rows and "filters" in changes.get("curation", {}) and not any(one["rejected"] for _, one in made.values()):
            rows.append(rows[0] | {"variant": title})  # the same images give the same figures
            print(title, "rejects nothing", flush=True)
            continue
        folder = work / "pools" / title.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        put(folder, "real", dict(enumerate(real)))
        put(folder, "made", {number: made[names[number]][0] for number in rare})
        np.savez(folder / "test.npz", **tested)
        row: dict[str, Any] = {"variant": title}
        row["rejected"] = float(np.mean([1 - record["accepted"] / record["tried"] for _, record in made.values()]))
        measured = [judge.measures(made[names[n]][0], images[(labels == names[n]) & left_over][:500]) for n in rare]
        row |= {name: float(np.mean([of_class[name] for of_class in measured])) for name in measured[0]}
        recipes = [*([BASELINE] if title == "no filter" else []), *RECIPES]
        rows.append(row | rare_recalls(folder, recipes, args.classifier_seeds, rare))
        print(title, rows[-1], flush=True)

    print(f"\n{args.data.stem}: rare recall of {BASELINE.title} alone {told(rows[0][BASELINE.title])}")
    header = ["variant", "rejected", "KID", "precision", "coverage", "rare recall", "GAN-train"]
    cells = [
        [row["variant"], f"{row['rejected']:.1%}", *(f"{row[name]:.3f}" for name in ("kid", "precision", "coverage")),
         told(row["half"]), told(row["GAN-train"])]
        for row in rows
    ]  # fmt: skip
    print(common.table(header, cells))
    if args.json:
        common.write_json(args.json, "curation", {"machine": common.machine(), "data": args.data.stem, "rows": rows})


def rare_recalls(folder: Path, recipes: list[Recipe], num_seeds: int, rare: list[int]) -> dict[str, list[float]]:
    """Mean recall of the rare classes, of a classifier from each seed, by recipe."""
    tasks = [(recipe, number) for number in range(num_seeds) for recipe in recipes]
    found = all_recalls(folder, "small", tasks, flip=False)
    result: dict[str, list[float]] = {recipe.title: [] for recipe in recipes}
    for (recipe, _), recall in zip(tasks, found, strict=True):
        result[recipe.title].append(float(recall[rare].mean()))
    return result


def told(values: list[float]) -> str:
    """Mean and standard deviation, in percent."""
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values, ddof=1):.1f}"


def collected(
    run: Run, job: ResolvedJob, title: str, changes: dict[str, Any], labels: list[str]
) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Images uint8 (N, H, W, C) and record by class, by the job's own stage in a copy of the run."""
    copy = Run(run.root.parent / f"{run.id}-{title.replace(' ', '-')}")
    if not copy.root.exists():
        shutil.copytree(run.root, copy.root, ignore=shutil.ignore_patterns("generation", "step-*"))
    curation = job.curation.model_copy(update={"filters": [], **changes.get("curation", {})})
    generation = job.generation.model_copy(update=changes.get("generation", {}))
    changed = job.model_copy(update={"curation": curation, "generation": generation})
    storage.write_json(copy.config, changed.model_dump(mode="json"))
    with by_threads(changed) as start:
        order_of(copy, changed, start, dict.fromkeys(labels, NUM_IMAGES)).generate()

    def made(label: str) -> tuple[np.ndarray, dict[str, Any]]:
        folder = copy.generation(label)
        return pictures.stack(sorted((folder / "images").glob("*.png"))), storage.read_json(folder / "record.json")

    return {label: made(label) for label in labels}


if __name__ == "__main__":
    main()
