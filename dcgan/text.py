"""Figures in words, as messages, reports and tables have them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A count in words: `1 file`, `2,000 files`, `3 classes`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def duration(seconds: float | None) -> str:
    """A time for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
