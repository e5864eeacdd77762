"""A training that was killed after its last step, before it could say that it is done."""

from __future__ import annotations

from pathlib import Path

from dcgan.training.stage import train_class
from tests.conftest import write_digits
from tests.unit.training.test_stage import ignore, prepared


def test_training_killed_as_it_ended_gives_the_same_model(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 60, 1: 50})
    run, job = prepared(tmp_path, {"class_steps": 40, "learning_rate": 5e-3})
    first = train_class(run, job, "0", None, ignore)
    model = run.model("0").read_bytes()
    for name in ("model.npz", "record.json"):
        (run.training("0") / name).unlink()
    again = train_class(run, job, "0", None, ignore)
    assert again.steps == first.steps and again.incidents == first.incidents
    assert run.model("0").read_bytes() == model
