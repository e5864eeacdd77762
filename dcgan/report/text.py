"""Numbers and times as the page says them."""

from __future__ import annotations

from datetime import datetime

MINUS = "\N{MINUS SIGN}"


def points(share: float) -> str:
    """A difference of shares in points, signed: 0.03 is `+3.0`."""
    return f"{100 * share:+.1f}".replace("-", MINUS)


def percent(share: float) -> str:
    """A share in percent: 0.9612 is `96.1 %`."""
    return f"{100 * share:.1f} %"


def figure(value: float, digits: int = 3) -> str:
    """A measure with so many significant digits at most: 0.0123, 0.95, 1, 12.3."""
    return f"{value:.{digits}g}".replace("-", MINUS)


def count(number: int) -> str:
    """A count with its thousands apart: `2,637`."""
    return f"{number:,}"


def moment(text: str | None) -> str:
    """An ISO 8601 time for people."""
    try:
        return f"{datetime.fromisoformat(text or ''):%d %B %Y, %H:%M %Z}".removesuffix(" ")
    except ValueError:
        return text or "unknown"
