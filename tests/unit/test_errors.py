"""Errors say what the process ends with, and survive the way from a worker."""

from __future__ import annotations

import pytest

from dcgan import errors

STATUS = {"ConfigError": 2, "InputError": 2, "Interrupted": 130}


def test_every_error_is_one_of_the_project_and_stands_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) >= 8
    for kind in kinds:
        assert issubclass(kind, errors.DcganError) and kind.__doc__
        assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("name", ["BusyError", "StorageError", "StageError", "TrainingError", "ReleaseError", *STATUS])
def test_exit_status_is_that_of_the_command_line(name: str) -> None:
    assert getattr(errors, name).exit_status == STATUS.get(name, 1)


def test_training_that_fails_is_a_stage_that_fails() -> None:
    assert issubclass(errors.TrainingError, errors.StageError)
