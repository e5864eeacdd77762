"""A plan that no proof can come of is refused before its first step, with what to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcgan.config import ResolvedJob, parse_job
from dcgan.errors import ConfigError, InputError
from dcgan.evaluation.statistics import difference, holm
from dcgan.execution.randomness import generator
from dcgan.run.proof import MIN_HOLDOUT, SIGNIFICANT, require_evidence, require_verdicts, require_without_leaked
from dcgan.run.records import ClassPlan, ClassState


def job(**parts: Any) -> ResolvedJob:
    values = {"name": "j", "data": {"source": "x", **parts.pop("data", {})}, **parts}
    return parse_job(values, where="test").resolve(Path("/jobs"))


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"cat": (12, 0), "dog": (12, 0)}, "no class has both training and held-out images"),
        ({"cat": (12, 3), "dog": (12, 0)}, "only class 'cat' has both"),
        ({"cat": (12, 0), "dog": (12, 3), "only tested": (0, 9)}, "only class 'dog' has both"),
        ({"cat": (12, 1), "dog": (12, 1), "rare": (3, 0)}, ""),
    ],
)
@pytest.mark.parametrize("holdout", [0.01, "test"])
def test_split_without_evidence_of_two_classes_is_refused(
    counts: dict[str, tuple[int, int]], told: str, holdout: float | str
) -> None:
    classes = {label: class_plan(train, held_out) for label, (train, held_out) in counts.items()}
    if not told:
        require_evidence(job(data={"holdout": holdout}), classes)
        return
    with pytest.raises(InputError) as refused:
        require_evidence(job(data={"holdout": holdout}), classes)
    assert told in str(refused.value) and "data.holdout" in str(refused.value)


def test_near_duplicates_of_training_images_are_no_evidence() -> None:
    classes = {"cat": class_plan(40, 20), "dog": class_plan(40, 30)}
    require_without_leaked(job(), classes, {"cat": 19, "dog": 0})
    with pytest.raises(InputError, match=r"only class 'dog' has both .* 20 held-out images not counted here"):
        require_without_leaked(job(), classes, {"cat": 20, "dog": 0})
    proven = job(gate={"policy": "proven_gain"})
    require_without_leaked(proven, classes, {"cat": 1, "dog": 10})
    with pytest.raises(ConfigError, match=r"proven_gain.* 12 held-out images not counted here"):
        require_without_leaked(proven, classes, {"cat": 1, "dog": 11})


def class_plan(train: int, holdout: int, requested: int = 5) -> ClassPlan:
    return ClassPlan(train=train, holdout=holdout, state=ClassState.OK, requested=requested)


def plan(count: int, holdout: int) -> dict[str, ClassPlan]:
    return {f"class {number}": class_plan(40, holdout) for number in range(count)}


def test_proven_gain_needs_enough_held_out_images_of_a_class_that_images_are_asked_of() -> None:
    proven = job(gate={"policy": "proven_gain"})
    require_verdicts(proven, plan(2, MIN_HOLDOUT))
    require_verdicts(job(), plan(2, 0))
    for asked in (plan(2, MIN_HOLDOUT - 1), plan(2, MIN_HOLDOUT - 1) | {"big": class_plan(900, 500, 0)}):
        with pytest.raises(ConfigError, match=r"no class with images to make has the 20 .*data\.holdout"):
            require_verdicts(proven, asked)


def test_proven_gain_is_refused_for_just_so_many_classes_as_no_gain_survives_the_correction_of() -> None:
    perfect = difference([generator(0, "", "test").integers(1, 2, (2, MIN_HOLDOUT))], generator(0, "", "bootstrap"))
    counts = range(40, 60)
    possible = {n for n in counts if min(holm({str(one): perfect.p_value for one in range(n)}).values()) < SIGNIFICANT}
    allowed = set()
    for count in counts:
        try:
            require_verdicts(job(gate={"policy": "proven_gain"}), plan(count, MIN_HOLDOUT))
            allowed.add(count)
        except ConfigError as error:
            assert "gate.policy: no_harm" in str(error)
    assert allowed == possible and 0 < len(possible) < len(counts)
