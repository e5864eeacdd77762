"""Names and places: every file that a job writes has its place here.

<root>/<job>/                   JobFolder
├── lock
├── history.jsonl               see dcgan/run/history
├── inputs.cache                what the input files held when they were last opened
├── unlabelled.cache            the same of the images without labels
├── latest -> releases/<run id>
├── releases/<run id>/          see dcgan/release
└── runs/<run id>/              Run
    ├── config.json             the resolved job
    ├── run.json                when, with what, on what; how it ended
    ├── logs/                   what worker processes said
    ├── catalogue/              catalogue.parquet, catalogue.json, unlabelled.parquet
    ├── split/                  images.parquet, split.json, leakage.json, <class>/train.npy, <class>/holdout.npy
    ├── unlabelled/             images.npy, images.parquet, unlabelled.json: images without labels
    ├── fingerprints.json       what the results follow from, as hashes
    ├── lineage.npz             which real images the models have seen
    ├── judge/                  a classifier of the job's real images
    ├── precision.json          what the networks compute in
    ├── given-base/             the shared base of another job, which this run's begins with
    ├── base/                   the shared base's training
    ├── training/<class>/       each class's training
    ├── shards/<class>/<index>/ of a large class, parts of its images while it is generated
    ├── generation/<class>/     accepted images and their rows
    ├── rates.json              how long each kind of work took
    ├── evaluation/             recipe.json, measures.json, evaluation.json
    └── report.html             when nothing ships
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcgan.files.names import escape

BASE_FILES = "model.npz", "seen.bin", "about.json"  # of a shared base that another job can begin with


@dataclass(frozen=True)
class JobFolder:
    """The places of one job."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def history(self) -> Path:
        """A line per finished run; never shortened."""
        return self.root / "history.jsonl"

    @property
    def scan_cache(self) -> Path:
        return self.root / "inputs.cache"

    @property
    def unlabelled_cache(self) -> Path:
        return self.root / "unlabelled.cache"

    @property
    def latest(self) -> Path:
        return self.root / "latest"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def run(self, run_id: str) -> Run:
        return Run(self.runs / run_id)


@dataclass(frozen=True)
class Run:
    """The places of one run. A stage's output has its name only once it is complete."""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def job(self) -> JobFolder:
        return JobFolder(self.root.parents[1])

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def record(self) -> Path:
        return self.root / "run.json"

    @property
    def catalogue(self) -> Path:
        return self.root / "catalogue"

    @property
    def catalogue_table(self) -> Path:
        return self.catalogue / "catalogue.parquet"

    @property
    def catalogue_record(self) -> Path:
        return self.catalogue / "catalogue.json"

    @property
    def unlabelled_table(self) -> Path:
        """The images without labels; not there if the job has none."""
        return self.catalogue / "unlabelled.parquet"

    @property
    def unlabelled(self) -> Path:
        """The images without labels that are used; not there if the job has none."""
        return self.root / "unlabelled"

    @property
    def split(self) -> Path:
        return self.root / "split"

    @property
    def split_table(self) -> Path:
        return self.split / "images.parquet"

    @property
    def split_record(self) -> Path:
        return self.split / "split.json"

    def log(self, stage: str, *about: str) -> Path:
        """What a worker process says while it performs a stage, of a class, a classifier or a shard."""
        return self.root / "logs" / f"{'-'.join([stage, *map(escape, about)])}.log"

    def train_images(self, label: str) -> Path:
        return self.split / escape(label) / "train.npy"

    def holdout_images(self, label: str) -> Path:
        return self.split / escape(label) / "holdout.npy"

    @property
    def judge(self) -> Path:
        return self.root / "judge"

    @property
    def precision(self) -> Path:
        """What the networks compute in, chosen once per run."""
        return self.root / "precision.json"

    @property
    def given_base(self) -> Path:
        """What `training.base_from` names; not there if the base begins with random weights."""
        return self.root / "given-base"

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def fingerprints(self) -> Path:
        """What the run's results follow from, as hashes; written once the run has taken over what it can."""
        return self.root / "fingerprints.json"

    @property
    def rates(self) -> Path:
        """How long each kind of the run's work took, for estimates."""
        return self.root / "rates.json"

    @property
    def lineage(self) -> Path:
        """Which real images the run's models have seen."""
        return self.root / "lineage.npz"

    def training(self, label: str) -> Path:
        return self.root / "training" / escape(label)

    def start(self, label: str) -> Path:
        """Of a class that is trained further: the snapshot, of an earlier run, that it begins with."""
        return self.training(label) / "start"

    def model(self, label: str) -> Path:
        """EMA generator and discriminator of a trained class."""
        return self.training(label) / "model.npz"

    def generation(self, label: str) -> Path:
        return self.root / "generation" / escape(label)

    def shards(self, label: str) -> Path:
        return self.root / "shards" / escape(label)

    def shard(self, label: str, first: int) -> Path:
        """The part of a class's images whose first candidate has this index."""
        return self.shards(label) / str(first)

    def tried(self, number: int) -> Path:
        """What a classifier of `recipes.trials` made of its fold: see `utility.Trial`."""
        return self.evaluation / f"tried-{number}.npz"

    def guesses(self, whom: str) -> Path:
        """The labels guessed for images without labels, see `dcgan.evaluation.guesses`."""
        return self.evaluation / f"guessed-{whom}.parquet"

    @property
    def recipe_record(self) -> Path:
        """The recipe that was chosen, and what each came to."""
        return self.evaluation / "recipe.json"

    def compared(self, number: int) -> Path:
        """What a classifier of `arms.compared` made of the held-out images: see `utility.Trial`."""
        return self.evaluation / f"compared-{number}.npz"

    @property
    def leakage(self) -> Path:
        """Near duplicates that make held-out images no evidence."""
        return self.split / "leakage.json"

    @property
    def measures(self) -> Path:
        """What synthetic images come to beside real ones, by class and metric."""
        return self.evaluation / "measures.json"

    @property
    def sample_grid(self) -> Path:
        """Real and synthetic images of every class, to look at."""
        return self.root / "samples.png"

    @property
    def report(self) -> Path:
        """The report of a run of which nothing ships; others have it in their release."""
        return self.root / "report.html"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation"

    @property
    def evaluation_record(self) -> Path:
        return self.evaluation / "evaluation.json"
