"""What synthetic images are worth to a classifier, over classical augmentation, on whole held-out test splits.

  python benchmarks/utility.py DATA|digits [--each 20] [--side 32] [--data-seeds 0,1,2] [--classifiers small,resnet]
                               [--verdict] [--unlabelled] [--processes 2] [--peers-python PYTHON] [--work FOLDER]
                               [--json FILE]

For each data seed, DATA loses most of its training images: 500 of the first class down to 10 of the last are left
(classes with at most 60 are called rare), or with `--each N` N of every class (all are rare). The job trains a
shared base on what is left and a GAN for each rare class, and makes 1,000 images of each. Classifiers are then trained
by every recipe from the same seeds, with as many optimizer steps and every class drawn equally often (which is
oversampling), and tested on the whole test split. No choice is made on the test split: all shares that were measured
are in the table, and beside them the recipe that the job advises, for each data seed, by what it tried on the training
images. What a first call has done in `--work`, a second one takes.

First, 100 training images of each class, or a quarter of them, are held out for the job. With `--verdict` it measures
on them what its images are worth, and that is put beside what they are worth to the other classifiers on the test
split: does the verdict predict? Only the recipe that the job chooses is then trained: with its images, without, and
with as many more real images as the job says that its own are worth. With `--unlabelled`, the job also has up to 5,000
of those left over, without labels: for its base, and to guess labels of, which the other classifiers then learn from
too if the job chooses so.

`small` is two convolutions and one hidden layer, 1,500 steps of 128 images, shifts and brightness. `resnet` is a
residual network of 16, 32 and 64 channels, 1,200 steps of 96, AdamW, with shifts, contrast, cutout, and flips where
`--flip` says that a mirrored image is of the same class; `RandAugment` and `mixup` come on top in recipes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import common, datasets
from benchmarks.jobs import begun, order_of
from benchmarks.quality import ganexlib_images, run_ganexlib
from dcgan.config import ResolvedJob
from dcgan.evaluation.guesses import for_proof
from dcgan.evaluation.recipes import STRENGTHS
from dcgan.evaluation.sets import load_sets
from dcgan.files import pictures, storage
from dcgan.pipeline.performing import by_threads
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Advice, EvaluationRecord, RecipeRecord

LARGEST, IMBALANCE, RARE = 500, 50, 60  # images; as in published long tails of small sets
NUM_IMAGES = 1000  # synthetic ones of a rare class
NUM_HOLDOUT = 100  # training images of each class that the job measures its images' worth on; at most a quarter
NUM_UNLABELLED = 5000  # images, at most
NUM_BOOTSTRAPS = 10_000


@dataclass(frozen=True)
class Recipe:
    """What one classifier is trained on."""

    title: str
    synthetic: str = ""
    """Whose images: "", "ours" or "ganexlib"."""
    share: float = 0.0
    """Of a rare class's draws that are synthetic."""
    mixup: bool = False
    rand_augment: bool = False
    bent: bool = False
    """Whether images are turned and bent."""
    guessed: bool = False
    """Whether with the job's images without labels, and the labels that it guessed."""
    more: int = 0
    """Further real images of each rare class."""


BASELINE = Recipe("classical augmentation")
OURS = {share: Recipe(f"ours, {share:.0%} of the draws", "ours", share) for share in STRENGTHS}
ADVISED = "the recipe that the job chooses"
MIXUP = Recipe("mixup", mixup=True)
MIXED = {share: Recipe(f"mixup, ours, {share:.0%} of the draws", "ours", share, mixup=True) for share in OURS}
BENT = Recipe("turned and bent", bent=True)
SMALL = [BASELINE, *OURS.values(), MIXUP, *MIXED.values(), BENT, replace(BENT, title="turned, bent, mixup", mixup=True)]
RESNET = [
    *SMALL,
    Recipe("RandAugment", rand_augment=True),
    Recipe("RandAugment, ours, 25% of the draws", "ours", 0.25, rand_augment=True),
]
GANEXLIB = Recipe("GANexLib, 50% of the draws", "ganexlib", 0.5)


def without_images(recipe: Recipe) -> Recipe:
    """The same recipe without synthetic images."""
    plain = MIXUP if recipe.mixup else BASELINE
    return with_guesses(plain) if recipe.guessed else plain


def with_guesses(recipe: Recipe) -> Recipe:
    """The same recipe with guessed labels."""
    return replace(recipe, title=f"{recipe.title}, guessed labels", guessed=True)


def with_more(recipe: Recipe, more: int) -> Recipe:
    """The same with real images in the place of the synthetic ones."""
    plain = without_images(recipe)
    return replace(plain, title=f"{plain.title}, {more} more real images of each rare class", more=more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_set(parser)
    parser.add_argument("--data-seeds", default="0,1,2")
    parser.add_argument("--classifier-seeds", type=int, default=5)
    parser.add_argument("--classifiers", default="small")
    parser.add_argument("--flip", action="store_true", help="a mirrored image is of the same class")
    parser.add_argument("--verdict", action="store_true", help="compare the job's own verdict with the classifiers'")
    parser.add_argument("--unlabelled", action="store_true", help="the base learns from images left over, too")
    parser.add_argument("--job-set", default="{}", help="JSON of the job's `training` keys")
    parser.add_argument("--processes", type=int, default=2, help="classifiers that are trained side by side")
    parser.add_argument("--peers-python", type=Path)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/utility"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    results: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for seed in map(int, args.data_seeds.split(",")):
        of_seed, verdict = measure(args, seed)
        results += of_seed
        verdicts += verdict
    for classifier in args.classifiers.split(","):
        print(
            f"\n{args.data.stem}, {classifier}\n{report([row for row in results if row['classifier'] == classifier])}"
        )
    if verdicts:
        print(f"\n{report_verdicts(verdicts)}")
    if args.json:
        found = {"machine": common.machine(), "data": args.data.stem, "results": results, "verdicts": verdicts}
        common.write_json(args.json, "utility", found)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `cut` reads."""
    parser.add_argument("data", type=Path)
    parser.add_argument("--each", type=int, help="images of every class; without it, a long tail")
    parser.add_argument("--side", type=int, help="pixels that images are made high and wide first")


class Set(NamedTuple):
    """A set of which most training images are left over."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    labels: np.ndarray
    """Class names (N,)."""
    split: np.ndarray
    """"train", "holdout", "test" or "rest" (N,)."""
    names: list[str]
    rare: list[int]
    """Class numbers."""

    def of_class(self, number: int, split: str) -> np.ndarray:
        """The images of a class in a split."""
        images: np.ndarray = self.images[(self.labels == self.names[number]) & (self.split == split)]
        return images


def cut(args: argparse.Namespace, seed: int) -> Set:
    """The set of one data seed."""
    images, labels, split = datasets.load(args.data)
    images = datasets.made_small(images, args.side) if args.side else images
    split = datasets.hold_out(labels, split, NUM_HOLDOUT, seed)
    if args.each:
        split = few_of_each(labels, split, args.each, seed)
    else:
        split = datasets.long_tail(labels, split, largest=LARGEST, imbalance=IMBALANCE, seed=seed)
    names = sorted(set(labels))
    counts = [((labels == name) & (split == "train")).sum() for name in names]
    rare = [number for number, count in enumerate(counts) if args.each or count <= RARE]
    return Set(images, labels, split, names, rare)


def name_of(args: argparse.Namespace, seed: int) -> str:
    """Of the folder for what is made of one data seed's set."""
    return f"{args.data.stem}{args.side or ''}-{args.each or 'tail'}-{seed}"


def measure(args: argparse.Namespace, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the images of one data seed are worth: by classifier, seed and recipe; and the job's verdict, if asked."""
    data = cut(args, seed)
    rare_names = [data.names[number] for number in data.rare]
    kind = "-unlabelled" if args.unlabelled else ""
    work = args.work / f"{name_of(args, seed)}{kind}"
    folder, heap = work / "pools", work / "unlabelled" if args.unlabelled else None
    folder.mkdir(parents=True, exist_ok=True)

    # Images of its rare classes, ours and the peer's, and what the job says of its own.
    if heap:
        left_over = np.random.default_rng(seed).permutation(np.flatnonzero(data.split == "rest"))
        datasets.write_heap(heap, data.images[left_over[:NUM_UNLABELLED]])
    changes = {"training": {"preset": "quick", **json.loads(args.job_set)}}
    run, job = our_run(work, data.images, data.labels, data.split, rare_names, changes, unlabelled=heap)
    made = {"ours": our_images(run, job, rare_names)}
    advised = our_recipe(run, job)
    advice = our_advice(run, job, rare_names) if args.verdict else None
    more = max(0, round((advice.worth and advice.worth.images) or 0)) if advice else 0
    if args.peers_python:
        real = {data.names[number]: data.of_class(number, "train") for number in data.rare}
        made["ganexlib"] = peer_images(args.peers_python, work / "ganexlib", real)
    guesses = for_proof(run, load_sets(run, synthetic=False)) if advised.guessed else []
    put_pools(folder, data, made, guesses, more)

    # Classifiers, some side by side.
    results: list[dict[str, Any]] = []
    for classifier in args.classifiers.split(","):
        recipes = [*(SMALL if classifier == "small" else RESNET), *([GANEXLIB] if args.peers_python else [])]
        if advice:
            recipes = list(dict.fromkeys([BASELINE, without_images(advised), advised]))
            recipes += [with_more(advised, more)] if more else []
        tasks = [(recipe, number) for number in range(args.classifier_seeds) for recipe in recipes]
        found = all_recalls(folder, classifier, tasks, flip=args.flip, processes=args.processes)
        for (recipe, number), recall in zip(tasks, found, strict=True):
            row = {
                "classifier": classifier, "data_seed": seed, "seed": number, "recipe": recipe.title,
                "balanced": float(recall.mean()), "rare": float(recall[data.rare].mean()),
            }  # fmt: skip
            results += [row, row | {"recipe": ADVISED}] if recipe == advised else [row]
    print(f"data seed {seed} done, advised: {advised.title}", file=sys.stderr, flush=True)
    if not advice:
        return results, []
    verdict = {"data": work.name, "recipe": advised.title, "more": more, "job": advice.model_dump()}
    without = without_images(advised)
    for name in args.classifiers.split(","):
        verdict[name] = part_of(results, name, advised, without)
        verdict[f"{name}, real"] = part_of(results, name, with_more(advised, more), without) if more else None
    return results, [verdict]


def put_pools(
    folder: Path,
    data: Set,
    made: Mapping[str, Mapping[str, np.ndarray]],
    guesses: Sequence[np.ndarray | None],
    more: int,
) -> None:
    """Leave what classifiers are trained on and tested with where their processes find it, by class number.

    Args:
        folder: for all of it.
        data: the set.
        made: synthetic images by who made them, and class name.
        guesses: images without labels by the class that was guessed; empty: none.
        more: real images to put beside, of each rare class, from those that were left over.
    """
    for maker, pools in made.items():
        put(folder, maker, {number: pools[data.names[number]] for number in data.rare})
    put(folder, "guessed", {number: images for number, images in enumerate(guesses) if images is not None})
    put(folder, f"more-{more}", {number: data.of_class(number, "rest")[:more] for number in data.rare})
    put_real(folder, data, data.split == "test")


def put_real(folder: Path, data: Set, tested: np.ndarray) -> None:
    """Leave the training images, and those that are tested on, a mask of all images (N,)."""
    put(folder, "real", {number: data.of_class(number, "train") for number in range(len(data.names))})
    truth = np.searchsorted(data.names, data.labels[tested])
    np.savez(folder / "test.npz", images=data.images[tested], truth=truth)


def put(folder: Path, name: str, images: Mapping[int, np.ndarray]) -> None:
    """Leave images by class number where `recalls` finds them."""
    named: dict[str, Any] = {str(number): of_class for number, of_class in images.items()}
    np.savez(folder / f"{name}.npz", **named)


def few_of_each(labels: np.ndarray, split: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The split with `count` training images of each class; the others become "rest"."""
    draws = np.random.default_rng(seed)
    changed = split.astype("U8")
    for label in np.unique(labels):
        rows = draws.permutation(np.flatnonzero((labels == label) & (split == "train")))
        changed[rows[count:]] = "rest"
    return changed


def our_run(
    work: Path,
    images: np.ndarray,
    labels: np.ndarray,
    split: np.ndarray,
    rare: Sequence[str],
    changes: dict[str, Any],
    *,
    unlabelled: Path | None = None,
    count: int = NUM_IMAGES,
) -> tuple[Run, ResolvedJob]:
    """A run by the job's own stages, up to the rare classes' trained models.

    Args:
        work: folder for all of it.
        images: uint8 (N, H, W, C).
        labels: class names (N,).
        split: "train", "holdout", "test" or "rest" (N,); the job has the first two.
        rare: classes that are trained.
        changes: over the job's keys.
        unlabelled: folder of images without labels.
        count: images that will be asked for, of each rare class.
    """
    work.mkdir(parents=True, exist_ok=True)
    source = work / "data.npz"
    used = np.isin(split, ["train", "holdout"])
    np.savez(source, images=images[used], labels=labels[used], split=split[used])
    beside = {"unlabelled": str(unlabelled)} if unlabelled else {}
    values = {
        "name": "utility", "data": {"source": str(source), "holdout": "holdout", **beside},
        "gate": {"policy": "report"},
        "generation": {"per_class": dict.fromkeys(rare, count)},
        "training": {"preset": "quick"}, "outputs": {"root": str(work / "outputs")}, **changes,
    }  # fmt: skip
    run, job = begun(values)
    with by_threads(job) as start:
        order = order_of(run, job, start, dict.fromkeys(rare, count))
        order.base()
        order.train()
    return run, job


def our_images(run: Run, job: ResolvedJob, rare: Sequence[str], count: int = NUM_IMAGES) -> dict[str, np.ndarray]:
    """Images of the rare classes, uint8 (count, H, W, C) by class."""
    with by_threads(job) as start:
        order_of(run, job, start, dict.fromkeys(rare, count)).generate()
    return {name: pictures.stack(sorted((run.generation(name) / "images").glob("*.png"))) for name in rare}


def our_recipe(run: Run, job: ResolvedJob) -> Recipe:
    """What the job chooses by what it tries on the training images."""
    with by_threads(job) as start:
        order_of(run, job, start, {}).choose_recipe()
    chosen = records.read(run.recipe_record, RecipeRecord).chosen
    recipe = (MIXED if chosen.mixup else OURS)[chosen.synthetic]
    return with_guesses(recipe) if chosen.guessed else recipe


def our_advice(run: Run, job: ResolvedJob, rare: Sequence[str]) -> Advice:
    """What the job advises, and finds its images to be worth to the rare classes, on its held-out images."""
    with by_threads(job) as start:
        order_of(run, job, start, dict.fromkeys(rare, NUM_IMAGES)).prove()
    return records.read(run.evaluation_record, EvaluationRecord).advice


def part_of(results: Sequence[dict[str, Any]], classifier: str, recipe: Recipe, other: Recipe) -> dict[str, float]:
    """What a recipe adds to another's recall of rare classes: mean over the seeds in points, standard error."""
    recall = {(row["recipe"], row["seed"]): row["rare"] for row in results if row["classifier"] == classifier}
    seeds = sorted({seed for _, seed in recall})
    gains = [100 * (recall[recipe.title, seed] - recall[other.title, seed]) for seed in seeds]
    return {"gain": float(np.mean(gains)), "error": float(np.std(gains, ddof=1) / np.sqrt(len(gains)))}


def peer_images(python: Path, folder: Path, real: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """GANexLib's images of each class, made only once."""
    folder.mkdir(exist_ok=True)
    made = {}
    for name, images in real.items():
        file = folder / f"{name}.npy"
        if not file.exists():
            run_ganexlib(python, folder / name, images)
            np.save(file, ganexlib_images(folder / name, images.shape[1:]))
        made[name] = np.load(file)
    return made


def all_recalls(
    folder: Path, classifier: str, tasks: Sequence[tuple[Recipe, int]], *, flip: bool, processes: int = 2
) -> list[np.ndarray]:
    """`recalls` of each recipe and seed, some side by side."""
    with get_context("spawn").Pool(processes, maxtasksperchild=8) as pool:
        return pool.starmap(recalls, [(folder, classifier, *task, flip) for task in tasks], chunksize=1)


def recalls(folder: Path, classifier: str, recipe: Recipe, seed: int, flip: bool) -> np.ndarray:
    """Train one classifier in a process of its own, unless it was before: recall of each class on the test split."""
    # By all that the result follows from, but for this code: other images in the same folder are another result.
    more, guesses = f"more-{recipe.more}" if recipe.more else "", "guessed" if recipe.guessed else ""
    parts = [part for part in ("real", "test", recipe.synthetic, guesses, more) if part]
    known = repr([classifier, recipe, seed, flip, *(storage.sha256(folder / f"{part}.npz") for part in parts)])
    file = folder / f"{storage.sha256_bytes(known.encode())[:16]}.npy"
    if file.exists():
        return np.asarray(np.load(file))
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    from benchmarks import classifiers  # noqa: PLC0415 (imports TensorFlow, after its set-up)

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(folder / f"{name}.npz") as file:
            return {key: file[key] for key in file.files}

    added = load(more) if more else {}
    pools = load("real").items()
    real = [np.concatenate([images, added[number]]) if number in added else images for number, images in pools]

    def of_classes(name: str) -> list[np.ndarray | None]:
        arrays = load(name) if name else {}
        return [arrays.get(str(number)) for number in range(len(real))]

    guessed = of_classes(guesses)
    test = load("test")
    predicted = classifiers.train_and_predict(
        classifier, real, of_classes(recipe.synthetic), recipe.share, test["images"], seed, guessed=guessed, flip=flip,
        mixup=recipe.mixup, rand_augment=recipe.rand_augment, bent=recipe.bent,
    )  # fmt: skip
    of_class = [predicted[test["truth"] == number] for number in range(len(real))]
    found = np.array([(found == number).mean() if len(found) else np.nan for number, found in enumerate(of_class)])
    np.save(file, found)
    return found


def report(results: Sequence[dict[str, Any]]) -> str:
    """A table: each recipe's means, and its paired difference to the baseline with a bootstrap's 95 % interval."""
    baseline = {(row["data_seed"], row["seed"]): row for row in results if row["recipe"] == BASELINE.title}
    rows = []
    for title in dict.fromkeys(row["recipe"] for row in results):
        of_recipe = [row for row in results if row["recipe"] == title]
        cells = [title]
        for measure in ("balanced", "rare"):
            cells.append(f"{100 * np.mean([row[measure] for row in of_recipe]):.2f}")
            gains: dict[int, list[float]] = {}
            for row in of_recipe:
                before = baseline[row["data_seed"], row["seed"]][measure]
                gains.setdefault(row["data_seed"], []).append(100 * (row[measure] - before))
            low, high = interval(list(gains.values()))
            mean = np.mean([value for values in gains.values() for value in values])
            cells.append("" if title == BASELINE.title else f"{mean:+.2f} ({low:+.2f} to {high:+.2f})")
        rows.append(cells)
    return common.table(["recipe", "balanced, %", "gain, points", "rare recall, %", "gain, points"], rows)


def report_verdicts(verdicts: Sequence[dict[str, Any]]) -> str:
    """A table: what the job found its images to be worth, and what they are worth to other classifiers.

    Also, in real images: how many it says, and what so many more really add.
    """
    others = [name for name in verdicts[0] if name not in ("data", "recipe", "more", "job")]
    rows = [
        [
            found["data"],
            found["recipe"],
            "{gain:+.1f} ({gain_low:+.1f} to {gain_high:+.1f})".format(
                **{name: 100 * found["job"]["images"][name] for name in ("gain", "gain_low", "gain_high")}
            ),
            str(found["more"] or "unknown, or none"),
            *(f"{one['gain']:+.1f} ± {one['error']:.1f}" if one else "" for one in map(found.get, others)),
        ]
        for found in verdicts
    ]
    return common.table(["set", "recipe", "the job's verdict, points", "in real images", *others], rows)


def interval(gains: Sequence[Sequence[float]]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean: data seeds are drawn anew, and classifier seeds within them."""
    draws = np.random.default_rng(0)
    table = np.array(gains)
    means = np.empty(NUM_BOOTSTRAPS)
    for number in range(NUM_BOOTSTRAPS):
        chosen = table[draws.integers(len(table), size=len(table))]
        columns = draws.integers(table.shape[1], size=chosen.shape)
        means[number] = np.take_along_axis(chosen, columns, 1).mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
