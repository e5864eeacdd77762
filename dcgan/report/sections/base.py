"""What a section of the report is, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dcgan.config import ResolvedJob
from dcgan.report.gallery import ClassPictures
from dcgan.run.paths import Run
from dcgan.run.records import ClassOutcome, Effect, RunSummary


@dataclass(frozen=True)
class ClassView:
    """One class as the page shows it."""

    label: str
    number: int
    """For ids of the page's elements."""
    outcome: ClassOutcome
    effect: Effect
    pictures: ClassPictures | None
    """None: there are too many classes to show those of this one."""


@dataclass(frozen=True)
class Shown:
    """The run that the report shows."""

    run: Run
    """Its folder, which may be incomplete: a class failed, nothing could be evaluated."""
    job: ResolvedJob
    summary: RunSummary
    classes: Sequence[ClassView]


def _nothing_more(_: Shown) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the page."""

    anchor: str
    """Id of its heading, which links lead to."""
    title: str
    template: str
    """Jinja, for the HTML below the heading. Texts are escaped. It knows `summary`, `classes` and `verdicts`, what `view`
    gives, the filters of `page.FILTERS`, and may import from `macros.html.j2`."""
    view: Callable[[Shown], Mapping[str, object] | None] = _nothing_more
    """What the template shows beside what it knows; None: there is nothing to show, and the section is left out."""
