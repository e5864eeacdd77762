"""How often the gate ships a set of images that harms, and withholds one that does not.

  python benchmarks/gate.py DATA [--classifier MODULE:FUNCTION] [--steps 200] [--repeats 1] [--work FOLDER]
                            [--json FILE]

Each trial has a long tail of DATA (500 training images of the first class down to 10 of the last), and in the place of
its five rare classes' generated images real ones that no classifier is trained on, spoilt by a known amount: noise,
blur, other contrast, images of other classes. The job's own functions measure and judge them, on 100 held-out images a
class and with five seeds. What the sets really do is measured apart, on the whole test split and with other and more
seeds: a class's set harms when recall of its class, or balanced accuracy with all sets of its trial, is shown to fall
(the 95 % interval lies below 0), and is harmless when neither falls in the mean. What is neither, a fall that could be
chance, is told and not counted. The sets of one trial are judged together, and are wrong together.

A job takes a small convolutional network and 600 steps. With those this takes hours; a third of the steps, and
`--classifier benchmarks.gate:perceptron`, a network of one hidden layer, take minutes. What is asked is how well the
gate knows what a set does to its classifier, whichever that is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.stats import binomtest

from benchmarks import common, datasets
from benchmarks.jobs import begun, copied, put_generated
from benchmarks.spoilt import KINDS
from dcgan.config import JobConfig, parse_job
from dcgan.files import storage
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.records import RecipeRecord, SplitRecord

LARGEST, IMBALANCE = 500, 50
NUM_RARE = 5  # classes, of 57, 37, 24, 15 and 10 images
NUM_HOLDOUT = 100  # of each class
TRUTH_SEEDS = 10
POLICIES = ("report", "no_harm", "proven_gain")


@dataclass(frozen=True)
class Trial:
    """Sets of images for the rare classes of one long tail."""

    base: Path
    """The run that is judged, without synthetic images."""
    kind: str
    labels: list[str]
    """The rare classes."""
    folder: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=200, help="optimizer steps of each classifier")
    parser.add_argument("--classifier", help="as a job's gate.classifier")
    parser.add_argument("--repeats", type=int, default=1, help="data seeds")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/gate"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    bases = {}
    for seed in range(args.repeats):
        gate = {"classifier_steps": args.steps, "classifier": args.classifier, "mixup": False}
        bases[seed] = begin(args.data, seed, args.work, gate)
    trials = [
        Trial(run.root, kind, labels[-NUM_RARE:], args.work / f"trials/{seed}-{number}")
        for number, kind in enumerate(KINDS)
        for seed, (run, labels) in bases.items()
    ]
    np.random.default_rng(0).shuffle(trials)  # so that the first ones are already of all kinds
    with get_context("spawn").Pool(2, maxtasksperchild=8) as pool:
        pool.map(recognise_without, [run.root for run, _ in bases.values()], chunksize=1)
        results: list[dict[str, Any]] = []
        for number, found in enumerate(pool.imap(judge_and_measure, trials), start=1):
            results += found
            told = ", ".join(f"{entry['class']} {entry['truth']}, {entry['verdicts']['no_harm']}" for entry in found)
            print(f"{number} of {len(trials)}, {found[0]['kind']}: {told}", file=sys.stderr, flush=True)
            if args.json:  # what there is so far
                head = {"machine": common.machine(), "steps": args.steps, "classifier": args.classifier}
                common.write_json(args.json, "gate", head | {"results": results})
    print(report(results))


def begin(data: Path, seed: int, work: Path, keys: Mapping[str, Any]) -> tuple[Run, list[str]]:
    """A run of a long tail up to its judge, and the classes from the largest to the smallest.

    Beside the run, `spare.npz` has what is left over of each class, and `test.npz` the test split.
    """
    images, labels, split = datasets.load(data)
    split = datasets.long_tail(labels, split, largest=LARGEST, imbalance=IMBALANCE, seed=seed)
    names = sorted(set(labels))
    spare = {}
    for name in names:
        rest = np.flatnonzero((labels == name) & (split == "rest"))
        split[rest[:NUM_HOLDOUT]] = "holdout"
        spare[name] = images[rest[NUM_HOLDOUT:]]
    folder = work / f"base-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    used = np.isin(split, ["train", "holdout"])
    np.savez(folder / "data.npz", images=images[used], labels=labels[used], split=split[used])
    values = {
        "name": "gate", "data": {"source": str(folder / "data.npz"), "holdout": "holdout"},
        "gate": dict(keys), "outputs": {"root": str(folder / "outputs")}, "generation": {"seed": seed},
    }  # fmt: skip
    run, _ = begun(values)
    np.savez(run.root.with_name(f"{run.id}-spare.npz"), **spare)
    test = {name: images[(labels == name) & (split == "test")] for name in names}
    np.savez(run.root.with_name(f"{run.id}-test.npz"), **test)
    counts = {name: int(((labels == name) & (split == "train")).sum()) for name in names}
    return run, sorted(names, key=lambda name: -counts[name])


def read_job(run: Run) -> JobConfig:
    return parse_job(storage.read_json(run.config), where="benchmark")


def beside(run: Path, name: str) -> dict[str, np.ndarray]:
    """What `begin` left beside a run."""
    with np.load(run.with_name(f"{run.name}-{name}.npz")) as file:
        return {key: file[key] for key in file.files}


def recognised(run: Run, base: Path, *, synthetic: bool) -> dict[str, np.ndarray]:
    """Which images of the test split classifiers recognise, bool (seeds, N), without synthetic images or with them."""
    from dcgan.evaluation import arms  # noqa: PLC0415
    from dcgan.evaluation.recipes import classifier_steps  # noqa: PLC0415
    from dcgan.evaluation.sets import load_sets  # noqa: PLC0415
    from dcgan.evaluation.utility import Classifiers  # noqa: PLC0415

    sets, config = load_sets(run), read_job(run)
    recipe = arms.classical(config.gate)
    if synthetic:
        recipe = records.read(run.recipe_record, RecipeRecord).chosen
    steps = classifier_steps(config.gate, [len(images) for images in sets.real])
    tested = list(beside(base, "test").values())
    classifiers = Classifiers(config, sets)
    found = [
        classifiers.tested(f"truth {number}", sets, recipe, steps, tested, lambda _: None)
        for number in range(TRUTH_SEEDS)
    ]
    return {"right": np.stack([seed["right"] for seed in found]), "truth": found[0]["truth"]}


def recognise_without(base: Path) -> None:
    """What all trials of a run are compared with; left beside it."""
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    np.savez(base.with_name(f"{base.name}-without.npz"), **recognised(Run(base), base, synthetic=False))


def judge_and_measure(trial: Trial) -> list[dict[str, Any]]:
    """The gate's verdicts on each set, by policy, and what it does on the test split."""
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    from dcgan.evaluation import arms, gate, measures, recipes, statistics, utility  # noqa: PLC0415

    # The sets, in the place of generated images: as many as fill the classes up.
    run = copied(trial.base, trial.folder)
    config, counts = read_job(run), records.read(run.split_record, SplitRecord).classes
    draws = np.random.default_rng(0)
    spare = beside(trial.base, "spare")
    labels = list(spare)
    for label in trial.labels:
        foreign = [other for other in labels if other != label]
        if "one other" in trial.kind:  # the one that looks most like it
            means = {other: images.mean(0) for other, images in spare.items()}
            foreign = [min(foreign, key=lambda other: np.abs(means[other] - means[label]).mean())]
        wrong = np.concatenate([spare[other] for other in foreign])
        images = spare[label][: LARGEST - counts[label].train]
        put_generated(run, label, KINDS[trial.kind](images, wrong, draws))

    # The gate, as a job goes through it.
    def silent(_: Any) -> None:
        """Nobody watches."""

    measures.measure(run, config, silent)
    utility.try_recipes(run, config, range(len(recipes.trials(config.gate))), silent)
    record = recipes.choose(run, config)
    trained = arms.recipes(config.gate, record)
    utility.measure(run, config, arms.numbers(config.gate.classifier_seeds, trained.keys()), silent)
    judged = {}
    for policy in POLICIES:
        changed = config.gate.model_copy(update={"policy": policy})
        judged[policy] = gate.judge(run, config.model_copy(update={"gate": changed}))

    # The truth.
    after, before = recognised(run, trial.base, synthetic=True), beside(trial.base, "without")
    gains = [
        after["right"][:, after["truth"] == number].astype(int) - before["right"][:, before["truth"] == number]
        for number in range(len(labels))
    ]
    whole = statistics.difference(gains, np.random.default_rng(0))
    shutil.rmtree(trial.folder)
    found = []
    for label in trial.labels:
        of_class = statistics.difference([gains[labels.index(label)]], np.random.default_rng(0))
        if of_class.high < 0 or whole.high < 0:
            truth = "harms"
        else:
            truth = "harmless" if of_class.mean >= 0 and whole.mean >= 0 else "unclear"
        found.append(
            {
                "kind": trial.kind, "class": str(label), "real": counts[label].train,
                "share": record.chosen.synthetic,
                "truth": truth,
                "class_gain": [of_class.mean, of_class.low, of_class.high],
                "gain": [whole.mean, whole.low, whole.high],
                "verdicts": {policy: found_by.classes[label].verdict for policy, found_by in judged.items()},
                "reason": sentences.evidence(judged["no_harm"].classes[label], judged["no_harm"].overall),
            }
        )  # fmt: skip
    return found


def perceptron() -> Any:
    """One hidden layer, for grey images of 28 x 28 px and ten classes."""
    import keras  # noqa: PLC0415

    image = keras.Input((28, 28, 1))
    x = keras.layers.Dense(128, activation="relu")(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image)))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Dropout(0.3)(x)))


def report(results: Sequence[dict[str, Any]]) -> str:
    """Two tables: each kind of set, and how often each policy was wrong, with exact 95 % intervals."""
    rows = []
    for kind in KINDS:
        of_kind = [result for result in results if result["kind"] == kind]
        if not of_kind:
            continue
        cells = [kind]
        cells += [f"{100 * np.mean([result[name][0] for result in of_kind]):+.1f}" for name in ("class_gain", "gain")]
        truths = [result["truth"] for result in of_kind]
        cells += [str(truths.count(truth)) for truth in ("harms", "harmless", "unclear")]
        shipped = [sum(result["verdicts"][policy] == "shipped" for result in of_kind) for policy in POLICIES]
        cells += map(str, shipped)
        rows.append(cells)
    header = ["sets", "recall of their classes, points", "balanced accuracy, points", "harm", "harmless", "unclear"]
    kinds = common.table([*header, *(f"shipped by {policy}" for policy in POLICIES)], rows)
    wrong = []
    for policy in POLICIES:
        cells = [policy]
        for truth, verdict in (("harms", "shipped"), ("harmless", "withheld")):
            verdicts = [result["verdicts"][policy] for result in results if result["truth"] == truth]
            cells.append(_counted(verdicts.count(verdict), len(verdicts)))
        wrong.append(cells)
    unclear = sum(result["truth"] == "unclear" for result in results)
    table = common.table(["policy", "harmful sets shipped", "harmless sets withheld"], wrong)
    return f"{kinds}\n\n{table}\n\n{unclear} of {len(results)} sets are unclear"


def _counted(number: int, total: int) -> str:
    """A share with its Clopper-Pearson interval."""
    if not total:
        return "0 of 0"
    interval = binomtest(number, total).proportion_ci(0.95, "exact")
    return f"{number} of {total} ({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"


if __name__ == "__main__":
    main()
