"""The summary of a run: what became of every class, in one line, in figures and in the exit status."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from dcgan import load_release
from dcgan.cli import work
from dcgan.config import GenerationConfig
from dcgan.pipeline import releasing
from dcgan.run import records, sentences, summary
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from dcgan.run.records import (
    ClassLeaks,
    ClassPlan,
    Ending,
    FeatureSpaceRecord,
    LeakageRecord,
    MeasuresSummary,
    RunResult,
    SplitRecord,
    Verdict,
)
from tests.records import class_evidence, class_outcome, evaluation_record, measure, measures_record, run_summary
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, Made, make_run


def plan_of(made: Made) -> dict[str, ClassPlan]:
    return make_plan(made.config, records.read(made.run.split_record, SplitRecord))


@pytest.mark.parametrize(
    ("verdicts", "ending", "told"),
    [
        (["shipped", "shipped"], Ending.COMPLETED, "Completed"),
        (["shipped", "none"], Ending.COMPLETED, "Completed"),
        (["shipped", "withheld"], Ending.PARTLY, "Completed: 1 class withheld (b)"),
        (["shipped", "withheld", "withheld"], Ending.PARTLY, "Completed: 2 classes withheld (b, c)"),
        (["shipped", "refused", "failed"], Ending.PARTLY, "Completed: 1 class failed (c), 1 class refused (b)"),
        (["shipped", "withheld", "short"], Ending.PARTLY, "Completed: 1 class withheld (b), 1 class short (c)"),
        (["short"], Ending.FAILED, "Failed: no class ships, 1 class short (a)"),
        (
            ["failed", "withheld"], Ending.FAILED,
            "Failed: no class ships, 1 class withheld (b), 1 class failed (a)",
        ),
        (["none"], Ending.FAILED, "Failed: no class ships"),
    ],
)  # fmt: skip
def test_one_line_names_every_class_that_was_wanted_and_does_not_ship(
    verdicts: list[str], ending: Ending, told: str
) -> None:
    classes = {label: class_outcome(verdict) for label, verdict in zip("abc", verdicts, strict=False)}
    found = summary.ending_of(outcome.verdict for outcome in classes.values())
    assert (found, sentences.state(found, classes)) == (ending, told)


@pytest.mark.parametrize("verdict", Verdict)
def test_one_class_that_was_asked_for_and_does_not_ship_makes_the_run_end_partly(verdict: Verdict) -> None:
    wanted = verdict not in (Verdict.SHIPPED, Verdict.NONE)
    expected = Ending.PARTLY if wanted else Ending.COMPLETED
    assert summary.ending_of([Verdict.SHIPPED, verdict]) is expected
    assert (verdict in sentences.WITHHELD) == wanted


@pytest.mark.parametrize(
    ("ending", "status"),
    [(Ending.COMPLETED, 0), (Ending.UNCHANGED, 0), (Ending.PARTLY, 3), (Ending.FAILED, 1)],
)
@pytest.mark.parametrize(
    ("state", "release"),
    list(itertools.product(["Completed", "Completed: 1 class withheld (a)", "Failed: no class ships"], ["here", None])),
)
def test_exit_status_follows_from_the_ending_whatever_the_line_says(
    ending: Ending, status: int, state: str, release: str | None
) -> None:
    result = RunResult(
        **dict(run_summary(ending=ending, state=state)), samples="samples.png", report="report.html", release=release
    )
    assert work.tell(result, as_json=False) == status


def test_failure_goes_before_what_the_gate_says(made: Made) -> None:
    plan = plan_of(made)
    evaluation = evaluation_record({label: class_evidence() for label in (SCRIPT, UP)})
    gathered = summary.gather(made.run, made.config, plan, {CAT: "diverged"}, evaluation, {"split": 0.5})
    verdicts = {label: (outcome.verdict, outcome.reason) for label, outcome in gathered.classes.items()}
    assert verdicts[CAT] == (Verdict.FAILED, "diverged")
    assert verdicts[UP] == (Verdict.SHIPPED, "helps: recall +10.0 points (+2.0 to +18.0)")
    assert verdicts["three"] == (Verdict.REFUSED, plan["three"].reason)
    assert gathered.ending is Ending.PARTLY
    assert gathered.state == "Completed: 1 class failed (" + CAT + "), 1 class refused (three)"


def test_class_that_is_short_is_told_with_the_number_accepted_and_is_not_released(tmp_path: Path) -> None:
    made = make_run(tmp_path, short={CAT})
    outcome = made.outcome.classes[CAT]
    assert (outcome.verdict, outcome.accepted, outcome.released) == (Verdict.SHORT, MADE[CAT], 0)
    assert outcome.reason == "accepted 3 of 7 in 140 tries (rejected: 137 duplicate)"
    assert made.outcome.state.startswith("Completed: 1 class short (" + CAT + ")")
    result = releasing.release(made.run, made.config, made.outcome)
    assert result.release is not None
    release = load_release(result.release, verify=True)
    assert set(release.manifest["label"]) == {SCRIPT, UP}
    assert release.record.classes[CAT].verdict is Verdict.SHORT
    card = (Path(result.release) / "README.md").read_text(encoding="utf-8")
    assert "short | accepted 3 of 7 in 140 tries" in card
    assert work.tell(result, as_json=False) == 3
    assert len(list((made.run.generation(CAT) / "images").iterdir())) == MADE[CAT]


def test_refused_class_that_nobody_asked_for_is_no_failure_of_the_run(made: Made) -> None:
    config = made.config.model_copy(update={"generation": GenerationConfig(per_class=dict(MADE))})
    plan = make_plan(config, records.read(made.run.split_record, SplitRecord))
    evaluation = evaluation_record({label: class_evidence() for label in MADE})
    gathered = summary.gather(made.run, config, plan, {}, evaluation, {})
    assert (gathered.ending, gathered.state) == (Ending.COMPLETED, "Completed")
    assert gathered.classes["three"].verdict is Verdict.NONE
    assert gathered.classes["three"].reason == plan["three"].reason != ""


def test_run_that_was_not_evaluated_has_no_evidence(made: Made) -> None:
    failures = dict.fromkeys(MADE, "diverged")
    gathered = summary.gather(made.run, made.config, plan_of(made), failures, None, {})
    assert gathered.ending is Ending.FAILED and gathered.released == 0
    assert (gathered.overall, gathered.advice, gathered.accuracy) == (None, None, None)
    assert not any(outcome.evidence for outcome in gathered.classes.values())


def test_figures_are_those_that_the_stages_left(made: Made) -> None:
    outcome = made.outcome.classes[SCRIPT]
    assert (outcome.accepted, outcome.requested, outcome.steps) == (MADE[SCRIPT], MADE[SCRIPT], 7)
    assert outcome.train + outcome.holdout == 20
    assert made.outcome.classes["three"].steps is None
    assert made.outcome.image_size == (12, 10) and made.outcome.seconds == {"training": 1.0}
    assert [outcome.class_index for outcome in made.outcome.classes.values()] == [0, 1, 2, 3]


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
    outcome = class_outcome(verdict, accepted=accepted)
    assert (outcome.released, sentences.verdict(outcome)) == (released, told)


def test_measures_and_leaks_of_a_class_stand_beside_the_gates_evidence(made: Made, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(made.run.root, tmp_path / "run")))
    kid = measure(0.1, error=0.01, ceiling=0.0)
    records.write(run.measures, measures_record({UP: {"kid": kid}}, overall={"kid": kid}))
    leaks = LeakageRecord(pairs={"a": 2}, classes={UP: ClassLeaks(holdout_rows=[0, 3])})
    records.write(run.leakage, leaks)
    evaluation = evaluation_record({label: class_evidence() for label in MADE})
    gathered = summary.gather(run, made.config, plan_of(made), {}, evaluation, {})
    assert gathered.classes[UP].measures == {"kid": kid} and gathered.classes[CAT].measures == {}
    for label in (UP, CAT):
        assert gathered.classes[label].evidence == evaluation.classes[label]
        assert gathered.classes[label].synthetic_share == evaluation.classes[label].synthetic_share
    assert (gathered.classes[UP].leaked, gathered.classes[CAT].leaked) == (2, 0)
    features = FeatureSpaceRecord(name="judge", dimensions=128)
    assert gathered.measures == MeasuresSummary(features=features, overall={"kid": kid})
    assert (gathered.leakage.pairs, gathered.leakage.examples) == ({"a": 2}, [])


def test_accepted_counts_only_what_is_generated(made: Made) -> None:
    assert summary.accepted(made.run, [SCRIPT, "three"]) == {SCRIPT: MADE[SCRIPT]}
