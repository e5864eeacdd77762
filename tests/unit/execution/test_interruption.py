"""A request to stop reaches what looks for it, and what must be ended at once."""

from __future__ import annotations

import pytest

from dcgan.errors import Interrupted
from dcgan.execution import interruption


@pytest.fixture(autouse=True)
def _not_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_state", interruption._State())


def test_work_goes_on_until_a_stop_is_requested_and_then_says_what_stopped() -> None:
    interruption.raise_if_requested("the transfer")
    interruption.request()
    assert interruption.is_requested()
    with pytest.raises(Interrupted, match=r"^the transfer was stopped; run the same command again to resume$"):
        interruption.raise_if_requested("the transfer")


def test_what_must_end_at_once_is_called_also_when_it_comes_late() -> None:
    called: list[str] = []
    interruption.on_request(lambda: called.append("early"))
    assert not called
    interruption.request()
    interruption.on_request(lambda: called.append("late"))
    assert called == ["early", "late"]
