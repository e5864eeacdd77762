"""How often the gate ships a set of images that harms, and withholds one that does not.

  python benchmarks/gate.py DATA [--data-seeds 0,1,2] [--seeds 7] [--classifier MODULE:FUNCTION] [--steps N]
                            [--work FOLDER] [--json FILE]

Each trial has a long tail of DATA (500 training images of the first class down to 10 of the last), and in the place of
its five rare classes' generated images real ones that no classifier is trained on, spoilt by a known amount: noise,
blur, other contrast, images of other classes. The job's own classifiers are trained without them and with half of a
rare class's draws among them. Then the job's own gate judges, by five of the seeds and 100 held-out images of each
class, many times with other draws of both. What the sets really do is measured with all seeds on the whole test split:
a class's set harms when recall of its class, or balanced accuracy with all sets of its trial, is shown to fall (the
95 % interval lies below 0), and is harmless when neither falls in the mean. What is neither, a fall that could be
chance, is counted apart.

What a first call has trained in `--work`, a second one takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import common, datasets
from benchmarks.jobs import begun, copied, put_generated
from benchmarks.spoilt import KINDS
from dcgan.config import parse_resolved
from dcgan.evaluation import arms, gate
from dcgan.evaluation.arms import CLASSICAL, WITH
from dcgan.evaluation.recipes import classifier_steps
from dcgan.evaluation.recognitions import Recognitions, margins
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Comparison, MeasuresRecord, OverallEvidence, Recipe, SplitRecord, Verdict

LARGEST, IMBALANCE = 500, 50
NUM_RARE = 5  # classes, of 57, 37, 24, 15 and 10 images
NUM_HOLDOUT = 100  # of each class, for the gate
NUM_POOL = 1000  # of each class, of which the gate's are drawn
NUM_SEEDS, NUM_DRAWS = 5, 10  # of the gate: seeds, and how often it judges
SHARE = 0.5
POLICIES = ("report", "no_harm", "proven_gain")
MEASURES = ("recall", "smoothed recall")


@dataclass(frozen=True)
class Trial:
    """Sets of images for the rare classes of one long tail."""

    base: Path
    """The run that is judged, without synthetic images."""
    labels: list[str]
    """The rare classes."""
    kind: str
    """What is done to the images; empty: there are none."""
    num_seeds: int

    @property
    def file(self) -> Path:
        """Logits of the classifiers, `pool` and `test` (seeds, N, K)."""
        return self.base.with_name(f"{self.base.name}-{self.kind or 'without'}.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--data-seeds", default="0,1,2")
    parser.add_argument("--seeds", type=int, default=7, help="classifiers of each trial")
    parser.add_argument("--steps", type=int, help="optimizer steps of each classifier; the job's own without it")
    parser.add_argument("--classifier", help="as a job's gate.classifier")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmarks/gate"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    keys = {"classifier": args.classifier} | ({"classifier_steps": args.steps} if args.steps else {})
    trials = []
    for seed in map(int, args.data_seeds.split(",")):
        run, labels = begin(args.data, seed, args.work, keys)
        trials += [Trial(run.root, labels[-NUM_RARE:], kind, args.seeds) for kind in ("", *KINDS)]
    with get_context("spawn").Pool(2) as pool:
        for number, trial in enumerate(pool.imap(train, trials), start=1):
            print(f"{number} of {len(trials)}: {trial.base.name} {trial.kind}", file=sys.stderr, flush=True)
        found = pool.map(judge, [trial for trial in trials if trial.kind], chunksize=1)
    results = [of_set for of_trial in found for of_set in of_trial]
    print(report(results))
    if args.json:
        common.write_json(args.json, "gate", {"machine": common.machine(), "results": results})


def begin(data: Path, seed: int, work: Path, keys: Mapping[str, Any]) -> tuple[Run, list[str]]:
    """A run of a long tail up to its judge, and the classes from the largest to the smallest.

    Beside the run, `pool.npz` has held-out images of each class, `spare.npz` what else is left over, and `test.npz` the
    test split.
    """
    images, labels, split = datasets.load(data)
    split = datasets.long_tail(labels, split, largest=LARGEST, imbalance=IMBALANCE, seed=seed)
    names = sorted(set(labels))
    spare, pool = {}, {}
    for name in names:
        rest = np.flatnonzero((labels == name) & (split == "rest"))
        split[rest[:NUM_HOLDOUT]] = "holdout"
        pool[name], spare[name] = images[rest[:NUM_POOL]], images[rest[NUM_POOL:]]
    folder = work / f"base-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    used = np.isin(split, ["train", "holdout"])
    np.savez(folder / "data.npz", images=images[used], labels=labels[used], split=split[used])
    values = {
        "name": "gate", "data": {"source": str(folder / "data.npz"), "holdout": "holdout"},
        "gate": dict(keys), "outputs": {"root": str(folder / "outputs")}, "generation": {"seed": seed},
    }  # fmt: skip
    run, _ = begun(values)
    test = {name: images[(labels == name) & (split == "test")] for name in names}
    for kind, found in {"pool": pool, "spare": spare, "test": test}.items():
        np.savez(run.root.with_name(f"{run.id}-{kind}.npz"), **found)
    counts = {name: int(((labels == name) & (split == "train")).sum()) for name in names}
    return run, sorted(names, key=lambda name: -counts[name])


def beside(run: Path, name: str) -> dict[str, np.ndarray]:
    """What `begin` left beside a run."""
    with np.load(run.with_name(f"{run.name}-{name}.npz")) as file:
        return {key: file[key] for key in file.files}


def train(trial: Trial) -> Trial:
    """Train a trial's classifiers and measure its images, unless that was done before."""
    if trial.file.exists():
        return trial
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415

    wake_tensorflow(1)
    from dcgan.evaluation.measures import measure  # noqa: PLC0415
    from dcgan.evaluation.sets import load_sets  # noqa: PLC0415
    from dcgan.evaluation.utility import Classifiers  # noqa: PLC0415

    def silent(_: Any) -> None:
        """Nobody watches."""

    run = copied(trial.base, trial.file.with_suffix(""))
    job = parse_resolved(storage.read_json(run.config), where="benchmark")
    recipe = arms.classical(job.gate)
    if trial.kind:
        recipe = recipe.model_copy(update={"synthetic": SHARE})
        put_sets(trial, run)
        measure(run, job, silent)
        shutil.copy(run.measures, trial.file.with_suffix(".json"))
    sets = load_sets(run)
    steps = classifier_steps(job.gate, [len(images) for images in sets.real])
    classifiers = Classifiers(job, sets)
    parts = {name: np.concatenate([*beside(trial.base, name).values()]) for name in ("pool", "test")}
    images = np.concatenate([*parts.values()])
    found = np.stack(
        [classifiers.trained(f"utility {seed}", sets, recipe, steps, silent)(images) for seed in range(trial.num_seeds)]
    )
    shutil.rmtree(run.root)
    pool, test = np.split(found, [len(parts["pool"])], axis=1)
    np.savez(trial.file, pool=pool, test=test)
    return trial


def put_sets(trial: Trial, run: Run) -> None:
    """Put the sets in the place of generated images: as many as fill the classes up."""
    counts = records.read(run.split_record, SplitRecord).classes
    draws = np.random.default_rng(0)
    spare = beside(trial.base, "spare")
    for label in trial.labels:
        foreign = [other for other in spare if other != label]
        if "one other" in trial.kind:  # the one that looks most like it
            means = {other: images.mean(0) for other, images in spare.items()}
            foreign = [min(foreign, key=lambda other: np.abs(means[other] - means[label]).mean())]
        wrong = np.concatenate([spare[other] for other in foreign])
        images = spare[label][: LARGEST - counts[label].train]
        put_generated(run, label, KINDS[trial.kind](images, wrong, draws))


def judge(trial: Trial) -> list[dict[str, Any]]:
    """Of each set: what it really does, and how often the gate, by each policy and measure, ships it."""
    tested = {name: [len(images) for images in beside(trial.base, name).values()] for name in ("pool", "test")}
    truth = {name: np.repeat(np.arange(len(sizes)), sizes) for name, sizes in tested.items()}
    found = {
        arm: {part: margins(logits, truth[part]) for part, logits in beside(trial.base, kind).items()}
        for arm, kind in {CLASSICAL: "without", WITH: trial.kind}.items()
    }
    measures = records.read(trial.file.with_suffix(".json"), MeasuresRecord)
    labels = [*beside(trial.base, "test")]
    counts = records.read(Run(trial.base).split_record, SplitRecord).classes
    num_real = [counts[label].train for label in labels]
    synthetic = np.array(
        [LARGEST - count if label in trial.labels else 0 for label, count in zip(labels, num_real, strict=True)]
    )
    recipes = {CLASSICAL: Recipe(augmentation=()), WITH: Recipe(augmentation=(), synthetic=SHARE)}

    def recognitions(part: str, seeds: np.ndarray, images: np.ndarray, *, smooth: bool) -> Recognitions:
        """Without smoothing, only the signs of the margins count: 0.007 and 0.993 instead of 0 and 1."""
        chosen = {arm: of_arm[part][np.ix_(seeds, images)] for arm, of_arm in found.items()}
        chosen = chosen if smooth else {arm: np.sign(of_arm) for arm, of_arm in chosen.items()}
        return Recognitions(chosen, recipes, truth[part][images], synthetic)

    everything = recognitions("test", np.arange(trial.num_seeds), np.arange(len(truth["test"])), smooth=False)
    whole, classes = gate.verdicts("report", everything, gate.gains_of(everything, labels, 0), labels, num_real, None)
    recalls = {label: of_class.recall for label, of_class in classes.items() if of_class.recall}
    sets = {label: _truth(whole, recalls[label]) for label in trial.labels}
    shipped: Counter[tuple[str, str, str]] = Counter()
    widths: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    draws = np.random.default_rng(0)
    for seed in range(NUM_DRAWS):
        seeds = draws.choice(trial.num_seeds, NUM_SEEDS, replace=False)
        images = np.concatenate(
            [draws.choice(np.flatnonzero(truth["pool"] == k), NUM_HOLDOUT, replace=False) for k in range(len(labels))]
        )
        for measure in MEASURES:
            seen = recognitions("pool", seeds, images, smooth=measure == "smoothed recall")
            gains = gate.gains_of(seen, labels, seed)
            for policy in POLICIES:
                _, judged = gate.verdicts(policy, seen, gains, labels, num_real, measures)
                shipped.update(
                    (label, measure, policy) for label in trial.labels if judged[label].verdict is Verdict.SHIPPED
                )
            of_sets = [gains.classes[labels.index(label)] for label in trial.labels]
            widths[measure] += [gain.high - gain.low for gain in of_sets]
    return [
        {
            "kind": trial.kind, "data": trial.base.name, "class": label, "truth": truth_of,
            "class_gain": recalls[label].gain, "gain": whole.gain,
            "width": {measure: float(np.mean(of_measure)) for measure, of_measure in widths.items()},
            "shipped": {
                f"{measure}, {policy}": shipped[label, measure, policy] / NUM_DRAWS
                for measure in MEASURES for policy in POLICIES
            },
        }
        for label, truth_of in sets.items()
    ]  # fmt: skip


def _truth(whole: OverallEvidence, recall: Comparison) -> str:
    """What a set really does."""
    if recall.gain_high < 0 or whole.gain_high < 0:
        return "harms"
    return "harmless" if recall.gain >= 0 and whole.gain >= 0 else "unclear"


def report(results: Sequence[Mapping[str, Any]]) -> str:
    """Two tables: each kind of set, and how often each policy is wrong by each measure."""
    kinds = []
    for kind in KINDS:
        of_kind = [result for result in results if result["kind"] == kind]
        truths = Counter(result["truth"] for result in of_kind)
        kinds.append(
            [
                kind,
                *(f"{100 * np.mean([result[name] for result in of_kind]):+.1f}" for name in ("class_gain", "gain")),
                *(str(truths[truth]) for truth in ("harms", "harmless", "unclear")),
                *(_mean(of_kind, f"{MEASURES[-1]}, {policy}") for policy in POLICIES),
            ]
        )
    header = ["sets", "recall of their classes, points", "balanced accuracy, points", "harm", "harmless", "unclear"]
    wrong = []
    for measure in MEASURES:
        for policy in POLICIES:
            name = f"{measure}, {policy}"
            harmful, harmless = (
                [result for result in results if result["truth"] == truth] for truth in ("harms", "harmless")
            )
            kept = [{"shipped": {name: 1 - result["shipped"][name]}} for result in harmless]
            width = 100 * np.mean([result["width"][measure] for result in results])
            wrong.append([measure, policy, _mean(harmful, name), _mean(kept, name), f"{width:.1f}"])
    of_kinds = common.table([*header, *(f"shipped by `{policy}`, %" for policy in POLICIES)], kinds)
    header = ["decided by", "policy", "harmful sets shipped, %", "harmless sets withheld, %", "interval, points"]
    return f"{of_kinds}\n\n{common.table(header, wrong)}"


def _mean(results: Sequence[Mapping[str, Any]], name: str) -> str:
    return f"{100 * np.mean([result['shipped'][name] for result in results]):.0f}" if results else ""


if __name__ == "__main__":
    main()
