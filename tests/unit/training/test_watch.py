"""What a training remembers of itself, and what it makes of incidents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.errors import TrainingError
from dcgan.training import watch
from dcgan.training.score import AS_GOOD, COLLAPSE, Score
from dcgan.training.watch import Course


def score(kid: float, diversity: float = 1.0) -> Score:
    return Score(kid=kid, coverage=1.0, diversity=diversity)


def test_the_best_score_is_kept_and_what_follows_is_counted() -> None:
    course = Course()
    taken = []
    for kid in (3.0, 1.0, 2.0, 1.5):
        course.advance(10, 1.0, 0.7)
        taken.append(course.take(score(kid)))
    assert taken == [True, True, False, False]
    assert (course.best_step, course.lowest_score, course.unimproved) == (20, 1.0, 2)


def test_of_scores_alike_the_later_step_is_the_best_and_the_lowest_stays_the_measure() -> None:
    course = Course()
    taken = []
    for kid in (1.0, 1.0 + 0.9 * AS_GOOD, 1.0 + 1.8 * AS_GOOD, 1.0 + AS_GOOD / 2):
        course.advance(10, 1.0, 0.7)
        taken.append(course.take(score(kid)))
    assert taken == [True, True, False, True]
    assert (course.best_step, course.lowest_score, course.unimproved) == (40, 1.0, 3)


def test_a_collapsed_generator_is_never_the_best() -> None:
    course = Course()
    assert not course.take(score(0.0, diversity=COLLAPSE / 2))
    assert course.best_step is None


def test_samples_alike_are_an_incident_from_half_of_the_steps_on() -> None:
    course = Course()
    found = []
    for _ in range(4):
        course.advance(10, 1.0, 0.7)
        course.take(score(1.0, diversity=COLLAPSE / 2))
        found.append(course.incident(40))
    assert [incident and incident[0] for incident in found] == [None, watch.COLLAPSED, watch.COLLAPSED, watch.COLLAPSED]


def test_saturation_is_an_incident_only_when_it_lasts_from_look_to_look() -> None:
    course = Course()
    for loss in (0.001, 0.3, 0.001):
        course.advance(10, 1.0, loss)
    assert course.incident(100) is None
    for loss in (0.001, 0.002):
        course.advance(10, 1.0, loss)
    assert course.incident(100) == (watch.SATURATED, "discriminator's loss stayed under 0.02")


@pytest.mark.parametrize("kind", watch.ALLOWED)
def test_one_incident_more_than_allowed_fails_with_the_history(kind: str) -> None:
    course = Course(step=30)
    for number in range(watch.ALLOWED[kind]):
        course.note(kind, f"told {number}")
    assert course.branch == watch.ALLOWED[kind]
    assert course.learning_rate_scale == 0.5 ** watch.ALLOWED[kind]
    with pytest.raises(TrainingError, match=rf"{kind} once too often: {kind} at step 30 \(told 0\)"):
        course.note(kind, "the last")


def test_course_survives_json() -> None:
    course = Course()
    assert Course.from_json(course.to_json()) == course
    course.advance(10, 2.5, 0.7)
    course.take(score(1.5))
    course.note(watch.COLLAPSED, "told")
    assert Course.from_json(course.to_json()) == course
    course.begin_again()
    assert course.best_step is None and course.lowest_score is None and course.work == 10


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e9))
def test_course_survives_json_to_the_last_bit(kid: float, seconds: float) -> None:
    course = Course()
    course.advance(10, seconds, kid)
    course.take(score(kid))
    assert Course.from_json(course.to_json()) == course
