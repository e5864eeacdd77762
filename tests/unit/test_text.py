"""Figures in words."""

from __future__ import annotations

import pytest

from dcgan.text import rough_duration

MINUTE, HOUR = 60, 3600


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (3, "a few seconds"), (42, "40 s"), (57, "55 s"), (58, "1 min"), (59.9, "1 min"), (3.4 * MINUTE, "3 min"),
        (19.4 * MINUTE, "19 min"), (27 * MINUTE, "25 min"), (59 * MINUTE, "1 h"), (83 * MINUTE, "1 h 20 min"),
        (3.99 * HOUR, "4 h"), (9.2 * HOUR, "9 h"), (1234 * HOUR, "1,234 h"),
    ],
)  # fmt: skip
def test_estimated_times_are_no_more_exact_than_they_are(seconds: float, told: str) -> None:
    assert rough_duration(seconds) == told
