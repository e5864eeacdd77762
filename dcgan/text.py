"""Figures in words, as messages, reports and tables have them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """A count in words: `1 file`, `2,000 files`, `3 classes`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def listed(parts: Sequence[str]) -> str:
    """Several things in words: `mixup, guessed labels and these images`."""
    *others, last = parts or [""]
    return f"{', '.join(others)} and {last}" if others else last


def duration(seconds: float | None) -> str:
    """A time for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def rough_duration(seconds: float) -> str:
    """An estimate for people, no more exact than it is: `a few seconds`, `40 s`, `25 min`, `1 h 20 min`, `9 h`."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 58:
        return f"{round(seconds / 5) * 5} s"
    minutes = seconds / 60
    step = next((step for limit, step in ((20, 1), (60, 5), (240, 10)) if minutes < limit), 60)
    hours, rest = divmod(round(minutes / step) * step, 60)
    parts = [f"{hours:,} h"] if hours else []
    return " ".join(parts + ([f"{rest} min"] if rest else []))
