"""Records: what is written is read again, and what is no such record is told with its file and its key."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dcgan.errors import StorageError
from dcgan.run import records
from dcgan.run.records import (
    BaseRecord,
    CatalogueRecord,
    Change,
    ChangesRecord,
    ClassChange,
    ClassFingerprints,
    ClassLeaks,
    ClassPlan,
    EvaluationRecord,
    FailedCheck,
    FingerprintsRecord,
    GenerationRecord,
    JudgeRecord,
    LeakageRecord,
    LeakedImage,
    LeakedPair,
    MeasuresRecord,
    MetricBounds,
    MovedImages,
    PrecisionRecord,
    RecipeRecord,
    Record,
    ReleaseRecord,
    RunRecord,
    RunResult,
    RunSummary,
    SplitRecord,
    TrainingRecord,
    UnlabelledRecord,
    Verdict,
)
from tests.records import (
    advice,
    changed,
    class_evidence,
    class_outcome,
    comparison,
    evaluation_record,
    generation_record,
    measure,
    measures_record,
    overall_evidence,
    recipe,
    recipe_record,
    run_summary,
    split_record,
    training_record,
)

ODD = "<é>\x00\n%"  # a class may be called anything

IMAGE = LeakedImage(path=f"{ODD}/1.png", label=ODD, split="train")
PROVENANCE = {name: getattr(run_summary(), name) for name in records.Provenance.model_fields}
FINGERPRINTS = FingerprintsRecord(
    trainings="a", judge="b", recipe="c", evaluation="d", release="e", changes={ODD: Change.FURTHER},
    classes={ODD: ClassFingerprints(images="f", training="g", generation="h")},
)  # fmt: skip
SCORE = {"step": 40, "work": 50, "score": 0.1 + 0.2, "kid": -1 / 3, "coverage": 0.5, "diversity": 1e-9}
UNFIT = class_evidence(
    "withheld", "unfit", recall=None, recall_without=None, recall_with=None, p_holm=None,
    failed_check=FailedCheck(check="copied", measure="authenticity", value=0.1, ceiling=0.8),
)  # fmt: skip
EVALUATION = evaluation_record(
    {ODD: UNFIT, "b": class_evidence("withheld", harm_overall=True)},
    arms={"classical": {"balanced_accuracy": [0.5], "rare_recall": []}}, rare=[ODD], overall=overall_evidence("harms"),
    recipe=recipe_record(
        0.25, tried=[{"recipe": recipe(), "balanced_accuracy": 1 / 3, "behind": 0, "error": 0.1}], run_id="1"
    ),
    advice=advice(
        worth={
            "doubling": comparison(0.01, 0.1), "images": 1 / 3, "images_low": 0.1, "images_high": None,
            "classes": {ODD: 0.1},
        }
    ),
)  # fmt: skip
MEASURES = measures_record(
    {ODD: {"kid": measure(-0.1, error=0.2, ceiling=0.3), "variety": measure(None, note="too few")}},
    metrics={
        "kid": MetricBounds(goal="minimize", low=None, high=None), "variety": MetricBounds(goal=1.0, low=0.0, high=None)
    },
)  # fmt: skip
SUMMARY = run_summary(
    ending="partly", state=f"Completed: 1 class withheld ({ODD})", seconds={"training": 1.5}, fingerprints=FINGERPRINTS,
    overall=EVALUATION.overall, recipe=EVALUATION.recipe, advice=EVALUATION.advice, arms=EVALUATION.arms,
    rare=EVALUATION.rare,
    balanced_accuracy=EVALUATION.balanced_accuracy, leakage={"pairs": {"a": 1}, "examples": []},
    measures={"features": MEASURES.features, "metrics": MEASURES.metrics, "overall": MEASURES.classes[ODD]},
    classes={
        ODD: class_outcome(
            "withheld", evidence=UNFIT, measures=MEASURES.classes[ODD], change=Change.KEPT, stopped="time ran out",
            incidents=[{"kind": "diverged", "step": 3, "branch": 0, "told": ODD}],
        ),
        "b": class_outcome("shipped", "helps"),
    },
)  # fmt: skip

EXAMPLES: list[Record] = [
    CatalogueRecord(
        num_files=9, classes={ODD: {"files": 9, "accepted": 7}}, reasons={"damaged": 1}, unused={"val": 1},  # type: ignore[dict-item]
        examples=[{"path": ODD, "reason": "damaged"}], image_size=(12, 10), channels=3,  # type: ignore[list-item]
    ),
    split_record({ODD: 30, "b": 8}),
    ClassPlan(train=3, holdout=1, state="refused", reason="too few", requested=0),
    LeakageRecord(
        pairs={"across classes": 1}, examples=[LeakedPair(images=(IMAGE, IMAGE), distance=0.1)],
        classes={ODD: ClassLeaks(holdout_rows=[0, 3], limit=0.02), "b": ClassLeaks()},
    ),
    training_record(
        scores=[SCORE], incidents=[{"kind": "collapsed", "step": 3, "branch": 1, "told": ODD}], further=True,
        images_per_second=None, stopped="no better step found",
    ),
    generation_record(3, short=True, rejected={"blank": 2}, thresholds={"label": 1 / 3}),
    JudgeRecord(classes=[ODD, "b"], steps=3, steps_of_fold=1),
    BaseRecord(image_size=(28, 28), channels=1, width=32, latent_dim=100, seen_sha256="0"),
    UnlabelledRecord(used=10, near_labelled=1),
    PrecisionRecord(precision="bfloat16", images_per_second={"float32": 1.5}),
    FINGERPRINTS,
    ChangesRecord(
        has_earlier=True, renamed={ODD: "b"}, gone=["c"], moved=[MovedImages(images=2, before="c", now=ODD)],
        classes={ODD: ClassChange(kind=Change.FURTHER, cause="renamed", name_before="b", added=1, share_changed=1 / 7)},
    ),
    EVALUATION.recipe,
    MEASURES,
    EVALUATION,
    RunRecord(**PROVENANCE, id="1", started="2026-01-01T00:00:00+00:00", fresh=True),
    RunRecord(**PROVENANCE, id="1", started="2026", finished="2027", ending="failed", state="Failed: no images"),
    SUMMARY,
    RunResult(**dict(SUMMARY), samples="a.png", report="s3://b/report.html", release=None),
    ReleaseRecord(**dict(SUMMARY), config={"name": "signs"}, files={"README.md": "0"}),
]  # fmt: skip


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_what_is_written_is_read_again_to_the_last_bit(tmp_path: Path, record: Record) -> None:
    records.write(tmp_path / "record.json", record)
    assert records.read(tmp_path / "record.json", type(record)) == record
    # As a worker process says it, in a line.
    assert type(record).model_validate(json.loads(json.dumps(record.model_dump(mode="json")))) == record


def test_every_record_of_a_file_is_among_the_examples() -> None:
    tested = {type(record) for record in EXAMPLES}
    kinds = {kind for _, kind in inspect.getmembers(records, inspect.isclass) if issubclass(kind, Record)}
    parts = {kind for kind in kinds if not kind.__name__.endswith("Record")}
    assert kinds - parts - tested - {Record, records.PartRecord, records.FeatureSpaceRecord} == set()


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EVALUATION.rare = []


@pytest.mark.parametrize(
    ("kind", "record", "change", "key"),
    [
        (TrainingRecord, training_record(), {"stopped": "bored"}, "stopped"),
        (TrainingRecord, training_record(), {"steps": -1}, "steps"),
        (TrainingRecord, training_record(scores=[SCORE]), {"scores": [{**SCORE, "kid": "x"}]}, r"scores\.0\.kid"),
        (GenerationRecord, generation_record(3), {"accepted": None}, "accepted"),
        (SplitRecord, split_record({"a": 3}), {"classes": {"a": {"train": 3}}}, r"classes\.a\.holdout"),
        (MeasuresRecord, MEASURES, {"features": "judge"}, "features"),
        (EvaluationRecord, EVALUATION, {"classes": {"a": {"verdict": "fine"}}}, r"classes\.a\.verdict"),
        (RunSummary, SUMMARY, {"ending": "running"}, "ending"),
        (RunSummary, SUMMARY, {"balanced_accuracy": {"before": []}}, r"balanced_accuracy\.before"),
    ],
)
def test_damaged_record_is_told_with_its_file_and_its_key(
    tmp_path: Path, kind: type[Record], record: Record, change: dict[str, Any], key: str
) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record.model_dump(mode="json") | change))
    with pytest.raises(
        StorageError, match=rf"record\.json does not hold a {kind.__name__}: {key}\b.*run the job again"
    ):
        records.read(file, kind)


FOREIGN = sorted({*map(type, EXAMPLES)} - {RecipeRecord}, key=str)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("content", ["[]", "3", "null", '{"chosen": 0.5}'])
def test_foreign_record_is_told_with_its_file(tmp_path: Path, kind: type[Record], content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(StorageError, match=rf"record\.json does not hold a {kind.__name__}: \w+"):
        records.read(tmp_path / "record.json", kind)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_file_that_is_no_json_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"cannot read .*record\.json"):
        records.read_if_there(tmp_path / "record.json", JudgeRecord)


def test_file_that_is_not_there_is_no_record(tmp_path: Path) -> None:
    assert records.read_if_there(tmp_path / "record.json", JudgeRecord) is None
    with pytest.raises(StorageError, match=r"cannot read .*record\.json"):
        records.read(tmp_path / "record.json", JudgeRecord)


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    record = training_record()
    (tmp_path / "record.json").write_text(json.dumps(record.model_dump(mode="json") | {"mood": "good"}))
    assert records.read(tmp_path / "record.json", TrainingRecord) == record


def test_released_images_are_those_of_the_classes_that_ship() -> None:
    assert (SUMMARY.shipped, SUMMARY.released) == (["b"], 5)
    assert changed(SUMMARY.classes["b"], verdict=Verdict.FAILED).released == 0


@pytest.mark.parametrize(
    ("scores", "means"),
    [
        (None, None), ({"without": [], "with": []}, None),
        ({"without": [0.5, 0.25], "with": [0.75, 0.25]}, (0.375, 0.5)),
    ],
)  # fmt: skip
def test_accuracy_is_the_mean_of_all_seeds_where_there_is_one(scores: Any, means: tuple[float, float] | None) -> None:
    assert run_summary(balanced_accuracy=scores).accuracy == means
