"""The whole job by the real command line, on Prefect's embedded server."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from PIL import Image

from dcgan.config import load_job
from dcgan.evaluation import arms, recipes
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import RecipeRecord
from tests.conftest import BRIEF, TINY, Finished, write_job
from tests.shell import Dcgan


def test_the_run_ends_completed_and_says_where_things_are(finished: Finished) -> None:
    assert finished.status == 0
    assert (finished.summary["ending"], finished.summary["state"]) == ("completed", "Completed")
    for name in ("release", "samples", "latest", "report"):
        assert Path(finished.summary[name]).exists()
    for noise in ("Traceback", "WARNING", "ERROR"):
        assert noise not in finished.stderr


def test_terminal_tells_when_a_class_is_trained_and_when_its_images_are_made(finished: Finished) -> None:
    for label, count in {"0": 70, "1": 40}.items():
        trained, made = f"\nClass {label} is trained: step 40 of 40", f"\nClass {label}: {count} images, of"
        assert finished.stderr.count(trained) == finished.stderr.count(made) == 1
        assert finished.stderr.index(trained) < finished.stderr.index(made)


def test_exactly_n_images_of_each_class_are_released(finished: Finished) -> None:
    classes = finished.summary["classes"]
    assert {label: entry["accepted"] for label, entry in classes.items()} == {"0": 70, "1": 40, "7": 0}
    for label, count in {"0": 70, "1": 40}.items():
        assert len(list((finished.release / "images" / label).iterdir())) == count
    assert not (finished.release / "images" / "7").exists()


def test_release_holds_what_the_design_promises(finished: Finished) -> None:
    names = {path.name for path in finished.release.iterdir()}
    assert names == {
        "images", "models", "manifest.parquet", "manifest.csv", "metadata.jsonl", "release.json", "report.html",
        "README.md", "croissant.json", "release.sha256", "base",
    }  # fmt: skip
    assert (finished.release.parents[1] / "latest").resolve() == finished.release.resolve()
    assert not [path for path in finished.release.parent.iterdir() if path.name.startswith(".tmp-")]


def test_release_says_how_good_varied_and_new_the_images_are(finished: Finished) -> None:
    record = json.loads((finished.release / "release.json").read_text(encoding="utf-8"))
    assert record["measures"]["features"] == {"name": "judge", "dimensions": 128}
    assert record["measures"]["overall"]["kid"]["value"] is not None
    assert set(record["measures"]["metrics"]) == set(record["measures"]["overall"])
    for label in ("0", "1"):
        measured = record["classes"][label]["measures"]
        assert measured["coverage"]["ceiling"] > 0 and measured["gan_test"]["error"] > 0
        assert set(measured) == set(record["measures"]["metrics"])
        assert "gain" in record["classes"][label]["evidence"]["recall"]  # the gate's own stand beside
    assert "kid" not in record["classes"]["7"]["measures"]  # nothing was asked of it
    assert "Synthetic images, and real ones in their place: kid " in finished.stderr


def test_resolved_config_stands_in_the_run(finished: Finished) -> None:
    config = json.loads((finished.run / "config.json").read_text())
    assert config["training"]["learning_rate"] == 2e-4
    assert config["run"]["threads"] >= 1
    record = json.loads((finished.run / "run.json").read_text())
    assert (record["ending"], record["state"]) == ("completed", "Completed") and record["finished"]
    [night] = (finished.run.parents[1] / "history.jsonl").read_text().splitlines()
    told = json.loads(night)
    assert (told["run_id"], told["released"], told["ending"]) == (finished.run.name, 110, "completed")
    assert told["state"] == "Completed"
    assert told["verdicts"] == {"0": "shipped", "1": "shipped", "7": "none"}


def test_synthetic_images_carry_their_mark_and_are_refused_as_input(
    finished: Finished, tmp_path: Path, dcgan: Dcgan
) -> None:
    image = next((finished.release / "images" / "0").iterdir())
    with Image.open(image) as opened:
        assert opened.info["dcgan-augment"] == "synthetic"
        assert opened.info["dcgan-augment:class"] == "0"
    assert b"trainedAlgorithmicMedia" in image.read_bytes()
    job = tmp_path / "job.yaml"
    job.write_text(f"name: again\ndata: {{source: '{finished.release / 'images'}'}}\noutputs: {{root: '{tmp_path}'}}\n")
    checked = dcgan("check", job)
    assert checked.returncode == 2
    assert "synthetic" in checked.stderr


def test_losses_and_sample_grids_are_written_while_it_trains(finished: Finished) -> None:
    for folder, steps in ((finished.run / "base", 120), (finished.run / "training" / "0", 40)):
        rows = pd.read_json(folder / "training.jsonl", lines=True)
        assert list(rows["step"]) == list(range(10, steps + 1, 10))
        assert rows[["d_loss", "g_loss", "images_per_second"]].notna().all().all()
        assert (folder / "samples" / f"step-{steps:08d}.png").exists()


def test_no_class_ships_the_shared_base_as_it_began_with_it(finished: Finished) -> None:
    for label in ("0", "1"):
        record = json.loads((finished.run / "training" / label / "record.json").read_text())
        assert (finished.run / "training" / label / "samples" / "step-00000000.png").exists()
        assert record["shipped_step"] > 0 and min(score["step"] for score in record["scores"]) > 0


def test_recipe_is_chosen_among_those_with_mixup_or_other_augmentation_and_those_without(
    run_job: Callable[[Path], Finished], tmp_path: Path
) -> None:
    bent = ["translation", "brightness", "rotation", "elastic"]
    done = run_job(write_job(tmp_path, gate=TINY["gate"] | {"mixup": "auto", "recipes": [bent]}, **BRIEF))
    record = records.read(Run(done.run).recipe_record, RecipeRecord)
    job = load_job(done.job_file)
    best = record.chosen.without_images
    with_images = [best.model_copy(update={"synthetic": strength}) for strength in recipes.STRENGTHS]
    assert [one.recipe for one in record.tried] == [*recipes.plain(job.gate), *with_images]
    plain = [one.recipe for one in record.tried if not one.recipe.synthetic]
    assert {(one.mixup, one.augmentation == tuple(bent)) for one in plain} == {
        (False, False), (False, True), (True, False), (True, True)
    }  # fmt: skip
    assert record.chosen in [one.recipe for one in record.tried] and record.run_id is None
    assert {arm: scores["recipe"] for arm, scores in done.summary["arms"].items()} == {
        arm: recipe.model_dump(mode="json") for arm, recipe in arms.recipes(job.gate, record).items()
    }


def test_run_of_which_every_class_is_short_says_how_many_were_accepted_and_measures_nothing(
    tmp_path: Path, lasting: Dcgan
) -> None:
    # After so few steps, many images are unlike the real ones, and few are left to choose from.
    job = write_job(
        tmp_path, generation={"per_class": {"0": 20, "1": 20}}, curation={"filters": ["outlier"], "critic_share": 0.05}
    )
    done = lasting("run", job, "--json")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["ending"]) == (1, "failed")
    assert summary["state"] == "Failed: no class ships, 2 classes short (0, 1)"
    run = tmp_path / "outputs" / "tiny" / "runs" / summary["run_id"]
    for label in ("0", "1"):
        entry = summary["classes"][label]
        assert entry["verdict"] == "short" and 0 <= entry["accepted"] < 20
        assert entry["reason"].startswith(f"accepted {entry['accepted']} of 20 in 400 tries (rejected: ")
        assert len(list((run / "generation" / label / "images").iterdir())) == entry["accepted"]
        assert f"Class {label} is short: {entry['reason']}" in done.stderr
    assert not (run / "evaluation").exists() and not (run.parents[1] / "releases").exists()
    assert "Short" in Path(summary["report"]).read_text(encoding="utf-8")


def test_prefect_recorded_the_run_its_tasks_and_artifacts(finished: Finished) -> None:
    # Read from its database: to ask would take another server.
    with contextlib.closing(sqlite3.connect(finished.prefect_home / "prefect.db")) as database:
        runs = list(database.execute("SELECT name, state_name FROM flow_run"))
        tasks = {name for (name,) in database.execute("SELECT name FROM task_run")}
        artifacts = {key for (key,) in database.execute("SELECT key FROM artifact")}
    assert any(name.startswith("tiny ") and state == "Completed" for name, state in runs)
    assert {"make 0", "make 1"} <= tasks
    assert {"tiny-classes", "tiny-samples"} <= artifacts
