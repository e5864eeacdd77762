"""The outcome of a run in one line and in figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dcgan import load_release
from dcgan.cli import work
from dcgan.config import GenerationConfig
from dcgan.files.storage import read_json, write_json
from dcgan.pipeline import releasing
from dcgan.run import outcome
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, Made, make_run


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (["shipped", "shipped"], "Completed"),
        (["shipped", "none"], "Completed"),
        (["shipped", "withheld"], "Completed: 1 class withheld (b)"),
        (["shipped", "withheld", "withheld"], "Completed: 2 classes withheld (b, c)"),
        (["shipped", "refused", "failed"], "Completed: 1 class failed (c), 1 class refused (b)"),
        (["shipped", "withheld", "short"], "Completed: 1 class withheld (b), 1 class short (c)"),
        (["short"], "Failed: no class ships, 1 class short (a)"),
        (["failed", "withheld"], "Failed: no class ships, 1 class withheld (b), 1 class failed (a)"),
        (["none"], "Failed: no class ships"),
    ],
)
def test_one_line_names_every_class_that_was_wanted_and_does_not_ship(verdicts: list[str], told: str) -> None:
    assert (
        outcome.describe({label: {"verdict": verdict} for label, verdict in zip("abc", verdicts, strict=False)}) == told
    )


def test_failure_goes_before_what_the_gate_says(made: Made) -> None:
    plan = make_plan(made.config, read_json(made.run.split_record))
    judged = {label: {"verdict": "shipped", "reason": "helps", "measures": {"gain": 0.1}} for label in (SCRIPT, UP)}
    gathered = outcome.gather(made.run, made.config, plan, {CAT: "diverged"}, {"classes": judged}, {"split": 0.5})
    verdicts = {label: (entry["verdict"], entry["reason"]) for label, entry in gathered["classes"].items()}
    assert verdicts[CAT] == ("failed", "diverged") and verdicts[UP] == ("shipped", "helps")
    assert verdicts["three"] == ("refused", plan["three"]["reason"])
    assert gathered["state"] == "Completed: 1 class failed (" + CAT + "), 1 class refused (three)"


def test_class_that_is_short_is_told_with_the_number_accepted_and_is_not_released(tmp_path: Path) -> None:
    made = make_run(tmp_path, short={CAT})
    entry = made.outcome["classes"][CAT]
    assert (entry["verdict"], entry["accepted"], outcome.released(entry)) == ("short", MADE[CAT], 0)
    assert entry["reason"] == "accepted 3 of 7 in 140 tries (rejected: 137 duplicate)"
    assert made.outcome["state"].startswith("Completed: 1 class short (" + CAT + ")")
    summary = releasing.release(made.run, made.config, made.outcome)
    release = load_release(summary["release"], verify=True)
    assert set(release.manifest["label"]) == {SCRIPT, UP}
    assert release.record.classes[CAT].verdict == "short"
    card = (Path(summary["release"]) / "README.md").read_text(encoding="utf-8")
    assert "short | accepted 3 of 7 in 140 tries" in card
    assert work.tell(summary, as_json=False) == 3
    assert len(list((made.run.generation(CAT) / "images").iterdir())) == MADE[CAT]


def test_refused_class_that_nobody_asked_for_is_no_failure_of_the_run(made: Made) -> None:
    config = made.config.model_copy(update={"generation": GenerationConfig(per_class=dict(MADE))})
    plan = make_plan(config, read_json(made.run.split_record))
    judged = {label: {"verdict": "shipped", "reason": ""} for label in MADE}
    gathered = outcome.gather(made.run, config, plan, {}, {"classes": judged}, {})
    assert gathered["state"] == "Completed"
    assert gathered["classes"]["three"]["verdict"] == "none"
    assert gathered["classes"]["three"]["reason"] == plan["three"]["reason"] != ""


def test_figures_are_those_that_the_stages_left(made: Made) -> None:
    entry = made.outcome["classes"][SCRIPT]
    assert (entry["accepted"], entry["requested"], entry["steps"]) == (MADE[SCRIPT], MADE[SCRIPT], 7)
    assert entry["train"] + entry["holdout"] == 20
    assert made.outcome["classes"]["three"]["steps"] is None
    assert made.outcome["image_size"] == [12, 10] and made.outcome["seconds"] == {"training": 1.0}
    assert [entry["class_index"] for entry in made.outcome["classes"].values()] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("verdict", "accepted", "released", "told"),
    [
        ("shipped", 87, 87, "shipped"),
        ("withheld", 87, 0, "withheld (87 images)"),
        ("withheld", 1, 0, "withheld (1 image)"),
        ("failed", 0, 0, "failed"),
    ],
)
def test_images_that_are_kept_back_are_told_beside_the_verdict(
    verdict: str, accepted: int, released: int, told: str
) -> None:
    entry = {"verdict": verdict, "accepted": accepted}
    assert (outcome.released(entry), outcome.told_verdict(entry)) == (released, told)


def test_measures_and_leaks_of_a_class_stand_beside_the_gates(made: Made, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(made.run.root, tmp_path / "run")))
    kid = {"value": 0.1, "error": 0.01, "ceiling": 0.0, "note": ""}
    features = {"name": "judge", "dimensions": 128}
    overall = {"features": features, "metrics": {}, "overall": {"kid": kid}}
    write_json(run.measures, overall | {"classes": {UP: {"kid": kid}}})
    write_json(run.leakage, {"pairs": {"a": 2}, "examples": [], "classes": {UP: {"holdout_rows": [0, 3]}}})
    plan = make_plan(made.config, read_json(run.split_record))
    judged = {label: {"verdict": "shipped", "reason": "", "measures": {"gain": 0.1}} for label in MADE}
    gathered = outcome.gather(run, made.config, plan, {}, {"classes": judged}, {})
    assert gathered["classes"][UP]["measures"] == {"gain": 0.1, "kid": kid}
    assert gathered["classes"][CAT]["measures"] == {"gain": 0.1}
    assert (gathered["classes"][UP]["leaked"], gathered["classes"][CAT]["leaked"]) == (2, 0)
    assert gathered["measures"] == overall
    assert gathered["leakage"] == {"pairs": {"a": 2}, "examples": []}


def test_accepted_counts_only_what_is_generated(made: Made) -> None:
    assert outcome.accepted(made.run, [SCRIPT, "three"]) == {SCRIPT: MADE[SCRIPT]}
