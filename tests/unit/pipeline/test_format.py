"""A change of code on which results depend is not forgotten in `runs.FORMAT`."""

from __future__ import annotations

import pytest

from tests.results import COMMAND, MODULES, PACKAGE, digest, present, recorded

SOURCE = '''
"""A module."""
SHARE = 0.5  # why
"""Of something."""

def half(number):
    """What it gives."""
    return SHARE * number
'''


def test_code_that_makes_results_has_not_changed_since_it_was_recorded() -> None:
    now, before = present(), recorded()
    paths = now.modules.keys() | before.modules.keys()
    changed = sorted(path for path in paths if now.modules.get(path) != before.modules.get(path))
    assert now == before, (
        f"Results depend on code that has changed: {', '.join(changed) or 'FORMAT alone'}. If the same job and images "
        "would now give other bytes, measures or verdicts, raise FORMAT in dcgan/run/runs.py. Then, or if "
        f"they would not, record the code as it is now: {COMMAND}"
    )


def test_comments_docstrings_and_layout_do_not_count() -> None:
    same = "SHARE = .5\n\n\n\ndef half(number):\n  # as before\n  return (SHARE\n    * number)\n"
    assert digest(same) == digest(SOURCE)


@pytest.mark.parametrize(("before", "after"), [("0.5", "0.25"), ("SHARE * number", "number * SHARE"), ("half", "part")])
def test_code_counts(before: str, after: str) -> None:
    assert digest(SOURCE.replace(before, after)) != digest(SOURCE)


def test_every_pattern_finds_modules() -> None:
    assert all(list(PACKAGE.glob(pattern)) for pattern in MODULES)
