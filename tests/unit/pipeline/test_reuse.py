"""What a night does again: runs whose networks are noise, all else real, night after night over images that change."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcgan.config import ResolvedJob, parse_job
from dcgan.data import unlabelled
from dcgan.data.catalogue import scan, scan_unlabelled
from dcgan.data.split import assign
from dcgan.files import storage
from dcgan.generation.png import encode, image_id
from dcgan.pipeline import planning, reuse
from dcgan.run import history, records, runs, sentences, summary
from dcgan.run.paths import Run
from dcgan.run.records import Change, FingerprintsRecord, JudgeRecord, PartRecord, PrecisionRecord, RecipeRecord
from dcgan.training import snapshots
from tests.records import evaluation_record, generation_record, recipe_record, run_summary, training_record
from tests.samples import noise, tree_hash, write_noise

COUNTS = {"cat": 30, "dog": 40, "owl": 50}
NUM_WANTED = 6


def steps_of(run_id: str) -> int:
    """A number of steps by which the run can be told that chose a recipe."""
    return int(run_id.replace("-", ""))


class Job:
    """A job of three classes, and its nights."""

    def __init__(self, root: Path, copied: Path | None = None) -> None:
        """A new job, or one that is copied, with its nights."""
        self.root, self.images = root, root / "images"
        self.values: dict[str, Any] = {"generation": {"per_class": NUM_WANTED}, "outputs": {"keep": 4}}
        if copied:
            shutil.copytree(copied, root, symlinks=True)
            self.numbers = itertools.count(sum(COUNTS.values()))
        else:
            self.numbers = itertools.count()
            for label, count in COUNTS.items():
                self.add(label, count)

    def add(self, label: str, count: int) -> None:
        for number in itertools.islice(self.numbers, count):
            write_noise(self.images / label / f"{number:04d}.png", number)

    def add_unlabelled(self, count: int) -> None:
        self.values["data"] = {"source": "images", "holdout": 0.25, "unlabelled": "more"}
        for number in itertools.islice(self.numbers, count):
            write_noise(self.root / "more" / f"{number:04d}.png", number)

    def take_away(self, label: str, count: int) -> None:
        for path in sorted((self.images / label).iterdir())[:count]:
            path.unlink()

    @property
    def config(self) -> ResolvedJob:
        values = {"name": "j", "data": {"source": "images", "holdout": 0.25}, **self.values}
        return parse_job(values, where="test").resolve(self.root)

    def begin(self, *, fresh: bool = False) -> Run:
        """A night up to where its networks are trained."""
        run, _ = runs.open_run(self.config, fresh=fresh)
        planning.catalogue(run, self.config)
        planning.split(run, self.config)
        reuse.take_over(run, self.config)
        return run

    def night(self, *, failed: str = "", fresh: bool = False) -> Run:
        """A whole night; one class may fail."""
        run = self.begin(fresh=fresh)
        for label in self.kinds(run):
            if label != failed:
                train(run.training(label))
                generate(run, label)
        if not run.base.exists():
            train(run.base)
        for file, record in {
            run.judge / "record.json": JudgeRecord(classes=list(COUNTS), steps=1, steps_of_fold=1),
            run.precision: PrecisionRecord(precision="float32"),
            run.recipe_record: recipe_record(steps=steps_of(run.id)),
            run.evaluation_record: evaluation_record({}),
        }.items():
            if not file.exists():
                records.write(file, record)
        history.finish_run(run, run_summary())
        return run

    @property
    def first(self) -> Run:
        """The first night that is kept."""
        return Run(min(self.root.glob("outputs/j/runs/2*")))

    @staticmethod
    def kinds(run: Run) -> dict[str, Change]:
        return records.read(run.fingerprints, FingerprintsRecord).changes

    def told(self, **options: Any) -> list[str]:
        table, record = scan(self.config.data)
        beside = scan_unlabelled(self.config.data, table)[0] if self.config.data.unlabelled else None
        codes = unlabelled.codes_of(beside)
        return sentences.changes(reuse.compare(self.config, table, record, codes, **options).changes)


def train(folder: Path) -> None:
    if (folder / "record.json").exists():
        return
    content = {"weights": np.random.default_rng().random(4)}
    storage.write_bytes(folder / "model.npz", storage.pack_arrays(content))
    snapshots.save(folder, 40, content, "step 40")
    digest = storage.sha256(folder / "model.npz")
    records.write(folder / "record.json", training_record(model_sha256=digest, run_id=folder.parents[1].name))


def generate(run: Run, label: str) -> None:
    folder = run.generation(label)
    if (folder / "record.json").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    split = pd.read_parquet(run.split_table)
    real = split.loc[(split["label"] == label) & (split["split"] == "train"), "path"]
    rows = []
    for index in range(NUM_WANTED):
        png = encode(noise(900 + index), job="j", label=label, index=index, model_sha256="0")
        storage.write_bytes(folder / "images" / f"{image_id(label, index)}.png", png)
        rows.append(
            {
                "image_id": image_id(label, index), "index": index, "image_sha256": storage.sha256_bytes(png),
                "nearest_real_path": real.iloc[index], "run_id": run.id,
            }
        )  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "rows.parquet", index=False)
    record = generation_record(NUM_WANTED, tried=NUM_WANTED + 2, rejected={"blank": 2})
    records.write(folder / "record.json", record)


@pytest.fixture
def new_job(tmp_path: Path) -> Job:
    """A job before its first night."""
    return Job(tmp_path / "job")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a job after its first night; no test may change it."""
    job = Job(tmp_path_factory.mktemp("lived") / "job")
    job.night()
    return job.root


@pytest.fixture
def job(lived: Path, tmp_path: Path) -> Job:
    """A job after its first night."""
    return Job(tmp_path / "job", lived)


def test_first_night_trains_everything_and_says_nothing_of_it(new_job: Job) -> None:
    assert new_job.told() == []
    run = new_job.night()
    assert new_job.kinds(run) == dict.fromkeys(COUNTS, Change.ANEW)
    assert summary.accepted(run, COUNTS) == dict.fromkeys(COUNTS, NUM_WANTED)


def test_class_that_did_not_change_has_the_same_files_and_the_others_are_trained_further(job: Job) -> None:
    first = job.first
    job.add("cat", 4)
    [told] = job.told()
    assert told.startswith("2 classes unchanged, 1 trained further: cat (") and told.endswith(" more)")
    second = job.night()
    assert job.kinds(second) == {"cat": Change.FURTHER, "dog": Change.KEPT, "owl": Change.KEPT}
    for label in ("dog", "owl"):
        assert tree_hash(second.training(label)) == tree_hash(first.training(label))
        mine, theirs = (sorted((run.generation(label) / "images").iterdir()) for run in (second, first))
        assert [path.name for path in mine] == [path.name for path in theirs]
        assert all(a.samefile(b) for a, b in zip(mine, theirs, strict=True)), "one file under two names"
    [start] = second.start("cat").iterdir()
    assert start.samefile(snapshots.newest(first.training("cat")) or "")
    assert second.base.joinpath("record.json").samefile(first.base / "record.json")


def test_images_arriving_in_the_holdout_alone_train_nothing(job: Job) -> None:
    before = set(job.images.rglob("*.png"))
    job.add("owl", 12)
    assigned = assign(scan(job.config.data)[0], 0.25)
    for path in assigned.loc[assigned["split"] == "train", "path"]:
        if job.images / path not in before:
            (job.images / path).unlink()
    assert len(set(job.images.rglob("*.png")) - before) > 0
    run = job.begin()
    assert job.kinds(run) == dict.fromkeys(COUNTS, Change.KEPT)
    assert not run.evaluation_record.exists(), "other evidence, another verdict"


def test_class_begins_anew_once_more_than_a_fifth_has_changed_since_it_last_did(job: Job) -> None:
    kinds = []
    for _ in range(6):
        job.add("cat", 2)
        kinds.append(job.kinds(job.night())["cat"])
    assert kinds[0] in (Change.KEPT, Change.FURTHER), "both of the two may be held out"
    assert Change.ANEW in kinds and kinds[kinds.index(Change.ANEW) + 1] != Change.ANEW


@pytest.mark.parametrize(("count", "serves"), [(12, True), (40, False)])
def test_new_class_begins_with_the_base_that_there_is_unless_much_has_changed(
    job: Job, count: int, serves: bool
) -> None:
    job.add("emu", count)
    run = job.begin()
    assert job.kinds(run) == {"cat": Change.KEPT, "dog": Change.KEPT, "emu": Change.ANEW, "owl": Change.KEPT}
    assert run.base.exists() == serves
    assert reuse.take_over(run, job.config) == ["emu"] and not run.start("emu").exists()


def test_images_without_labels_train_everything_anew_when_there_are_some_at_all(job: Job) -> None:
    job.add_unlabelled(50)
    run = job.night()
    assert set(job.kinds(run).values()) == {Change.ANEW}
    del job.values["data"]
    assert set(job.kinds(job.begin()).values()) == {Change.KEPT}, "as on the first night"


@pytest.mark.parametrize(("count", "serves"), [(20, True), (60, False)])
def test_more_images_without_labels_train_nothing_but_the_next_base(new_job: Job, count: int, serves: bool) -> None:
    new_job.add_unlabelled(50)
    new_job.night()
    new_job.add_unlabelled(count)
    assert set(new_job.kinds(new_job.begin()).values()) == {Change.KEPT}
    new_job.add("emu", 12)
    assert new_job.begin().base.exists() == serves


def test_image_without_a_label_that_is_held_out_later_has_been_seen(new_job: Job) -> None:
    new_job.add_unlabelled(40)
    new_job.night()
    for file in (new_job.root / "more").iterdir():
        file.rename(new_job.images / "owl" / file.name)
    new_job.add_unlabelled(40)
    [told] = new_job.told()
    assert told.startswith("Everything is trained again: ") and told.endswith("would prove nothing")
    assert set(new_job.kinds(new_job.begin()).values()) == {Change.ANEW}


def test_amount_that_grows_or_shrinks_keeps_the_first_images(job: Job) -> None:
    first = job.first
    rows = pd.read_parquet(first.generation("dog") / "rows.parquet")
    job.values["generation"] = {"per_class": {"cat": NUM_WANTED, "dog": 4, "owl": 9}}
    assert job.told() == [
        "1 class unchanged, 1 given more images: owl (9, before 6), 1 given fewer images: dog (4, before 6)"
    ]
    run = job.begin()
    assert job.kinds(run) == {"cat": Change.KEPT, "dog": Change.FEWER, "owl": Change.MORE}
    for label, count in (("dog", 4), ("owl", 6)):
        folder = run.generation(label)
        assert len(list((folder / "images").iterdir())) == count and not (folder / "record.json").exists()
        assert len(pd.read_parquet(folder / "parts" / "earlier.parquet")) == count
    shorter, longer = (
        records.read(run.generation(label) / "parts" / "earlier.json", PartRecord) for label in ("dog", "owl")
    )
    assert shorter == PartRecord(accepted=4, tried=rows["index"].iloc[3] + 1)
    assert longer == PartRecord(accepted=6, tried=8, rejected={"blank": 2})


def test_files_that_are_renamed_train_nothing_and_the_rows_name_them_as_they_are_now(job: Job) -> None:
    first = job.first
    for path in list((job.images / "dog").iterdir()):
        path.rename(path.with_name(f"x{int(path.stem) % 7}-{path.name}"))
    run = job.begin()
    assert set(job.kinds(run).values()) == {Change.KEPT}
    before, now = (pd.read_parquet(one.generation("dog") / "rows.parquet") for one in (first, run))
    sha = {row.path: row.image_sha256 for one in (first, run) for row in pd.read_parquet(one.split_table).itertuples()}
    assert all(path.startswith("dog/x") for path in now["nearest_real_path"])
    assert [sha[path] for path in now["nearest_real_path"]] == [sha[path] for path in before["nearest_real_path"]]


def test_class_under_another_name_is_trained_further_from_what_it_was(job: Job) -> None:
    (job.images / "cat").rename(job.images / "feline")
    assert job.told() == [
        "2 classes unchanged, 1 trained further: feline (was cat)", "Class cat is called feline now",
    ]  # fmt: skip
    run = job.begin()
    assert job.kinds(run)["feline"] == Change.FURTHER and run.start("feline").exists()


def test_class_that_is_gone_and_images_with_another_label_are_told(job: Job) -> None:
    for path in sorted((job.images / "owl").iterdir())[:3]:
        path.rename(job.images / "dog" / path.name)
    shutil.rmtree(job.images / "cat")
    told = job.told()
    assert "Class cat is gone" in told
    assert any(line.endswith("of class owl now of class dog") for line in told)
    assert set(job.kinds(job.begin())) == {"dog", "owl"}


def test_image_that_a_gan_has_seen_is_no_evidence_so_that_all_is_trained_anew(job: Job) -> None:
    job.values["data"] = {"source": "images", "holdout": 0.5}
    [told] = job.told()
    assert told.startswith("Everything is trained again: ") and told.endswith("would prove nothing")
    assert set(job.kinds(job.begin()).values()) == {Change.ANEW}


def test_fewer_held_out_images_are_no_harm(job: Job) -> None:
    job.values["data"] = {"source": "images", "holdout": 0.24}
    assert Change.ANEW not in job.kinds(job.begin()).values()


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("training", {"width": 32}, Change.ANEW),
        ("training", {"snapshot_seconds": 1}, Change.KEPT),
        ("generation", {"per_class": NUM_WANTED, "seed": 1}, Change.ANEW),
        ("generation", {"per_class": NUM_WANTED, "truncation": 2.0}, Change.MADE),
        ("curation", {"filters": ["blank"]}, Change.MADE),
        ("gate", {"classifier_seeds": 3}, Change.KEPT),
        ("run", {"processes": 7}, Change.KEPT),
    ],
)
def test_config_decides_what_is_done_again(job: Job, key: str, value: dict[str, Any], kind: str) -> None:
    job.values[key] = value
    assert set(job.kinds(job.begin()).values()) == {kind}


def test_damaged_image_is_made_again_and_a_damaged_model_is_trained_again(job: Job) -> None:
    run = job.first
    image = next((run.generation("cat") / "images").iterdir())
    image.write_bytes(image.read_bytes()[:-1])
    run.model("dog").write_bytes(b"")
    assert job.kinds(job.begin()) == {"cat": Change.MADE, "dog": Change.FURTHER, "owl": Change.KEPT}


def test_what_a_killed_run_of_another_config_has_done_serves_and_so_does_what_was_before(job: Job) -> None:
    first = job.first
    job.values["training"] = {"width": 8}
    killed = job.begin()
    train(killed.training("cat"))
    generate(killed, "cat")
    job.values["gate"] = {"classifier_seeds": 3}
    assert job.kinds(job.begin()) == {"cat": Change.KEPT, "dog": Change.ANEW, "owl": Change.ANEW}
    del job.values["training"]
    run = job.begin()
    assert set(job.kinds(run).values()) == {Change.KEPT}
    assert run.model("cat").samefile(first.model("cat"))


def test_class_that_failed_is_trained_anew(job: Job) -> None:
    job.add("cat", 3)
    job.night(failed="cat")
    assert job.kinds(job.night(failed="cat")) == {"cat": Change.ANEW, "dog": Change.KEPT, "owl": Change.KEPT}


def test_carrying_over_that_was_killed_is_done_again_to_the_same_end(job: Job) -> None:
    job.add("owl", 2)
    run = job.begin()
    whole = tree_hash(run.root)
    run.fingerprints.unlink()
    shutil.rmtree(run.generation("dog"))
    (run.training(".tmp-1-cat") / "x").mkdir(parents=True)
    reuse.take_over(run, job.config)
    found = {path: told for path, told in tree_hash(run.root).items() if ".tmp" not in path}
    assert {path: told[0] for path, told in found.items()} == {path: told[0] for path, told in whole.items()}


def test_fresh_takes_nothing_over_and_only_a_fresh_run_is_resumed_by_it(job: Job) -> None:
    usual = job.begin()
    fresh = job.begin(fresh=True)
    assert fresh != usual and set(job.kinds(fresh).values()) == {Change.ANEW} and job.told(fresh=True) == []
    assert job.begin(fresh=True) == fresh == job.begin()


def test_verdicts_stand_only_with_the_very_images_that_they_are_about(job: Job) -> None:
    first = job.first
    assert job.begin().evaluation_record.samefile(first.evaluation_record)
    history.finish_run(job.begin(), run_summary())
    image = next((first.generation("cat") / "images").iterdir())
    image.write_bytes(b"")  # of all runs: it is one file
    run = job.begin()
    assert job.kinds(run)["cat"] == Change.MADE and not run.evaluation_record.exists()


def test_share_stays_while_few_images_change_and_says_where_it_was_chosen(job: Job) -> None:
    first = job.first
    job.add("owl", 8)
    expected = recipe_record(steps=steps_of(first.id), run_id=first.id)
    assert records.read(job.night().recipe_record, RecipeRecord) == expected
    job.add("owl", 8)
    assert records.read(job.night().recipe_record, RecipeRecord).run_id == first.id
    job.add("owl", 60)
    assert not job.begin().recipe_record.exists()
