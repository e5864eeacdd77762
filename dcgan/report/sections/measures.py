"""How like the real images the synthetic ones are: measures beside their ceilings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcgan.evaluation.metrics import METRICS
from dcgan.evaluation.metrics.base import good
from dcgan.report.sections.base import Section, Shown
from dcgan.run.records import Measure, MeasuresSummary, MetricBounds

TEMPLATE = """\
{% from "macros.html.j2" import bar %}
<div class="wide" tabindex="0" role="region" aria-label="Measures, by class">
<table class="measures">
<caption>How like the real images the synthetic ones are. Below each value stands its ceiling, the
mark on the bar: what real images reach against other real images of the class.{% if measures.features %} Features: {{ measures.features }}.{% endif %}</caption>
<thead><tr><th scope="col">Class</th>
{% for column in measures.columns %}
<th scope="col">{{ column.title }}{% if column.good %} <span class="good">{{ column.good }} is good</span>{% endif %}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in measures.rows %}
<tr{% if row.is_all %} class="all"{% endif %}><th scope="row">{{ row.label }}</th>
{% for cell in row.cells %}
{% set column = measures.columns[loop.index0] %}
<td>
{% if cell is none or cell.value is none %}
<span class="quiet">not measured</span>
{% else %}
{{ cell.value | figure }}{% if cell.error is not none %} <span class="quiet">± {{ cell.error | figure }}</span>{% endif %}
<span class="measured quiet">
{% if column.has_bar %}{{ bar(cell.at, cell.ceiling_at) }}{% endif %}
{% if cell.ceiling is not none %}<span class="heard">ceiling</span> {{ cell.ceiling | figure }}{% endif %}
</span>
{% endif %}
</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<details>
<summary>What they say</summary>
<dl>
{% for column in measures.columns if column.meaning %}
<dt>{{ column.title }}</dt><dd>{{ column.meaning }}</dd>
{% endfor %}
</dl>
</details>
{% if measures.notes %}
<details>
<summary>What was not measured, or is to be read with caution ({{ measures.notes | length }})</summary>
<ul>
{% for note in measures.notes %}
<li>{{ note.title }}: {{ note.note }} <span class="quiet">({{ note.labels | join(", ") }})</span></li>
{% endfor %}
</ul>
</details>
{% endif %}
"""


ALL_CLASSES = "All classes"


@dataclass(frozen=True)
class Column:
    """What a measure is called, where it is good, and what it says."""

    title: str
    good: str
    """Such as "high" or "near 0"; "" if it is not known."""
    meaning: str = ""
    is_share: bool = False
    """Whether it goes from 0 to 1."""
    has_bar: bool = True
    """Whether its length says something."""


@dataclass(frozen=True)
class Cell:
    """One measure of one class; what is no number is None."""

    value: float | None
    error: float | None
    ceiling: float | None
    at: float | None
    """Place of the value on the bar, 0 to 1."""
    ceiling_at: float | None


@dataclass(frozen=True)
class Row:
    """One class, or all of them."""

    label: str
    is_all: bool
    cells: list[Cell | None]
    """One for each column; None: not measured."""


@dataclass(frozen=True)
class Note:
    """A remark about a measure, and the classes that it is about."""

    title: str
    note: str
    labels: list[str]


@dataclass(frozen=True)
class MeasureTable:
    """The measures of all classes."""

    columns: list[Column]
    rows: list[Row]
    notes: list[Note]
    features: str | None
    """What the measures are taken in, in words."""


def measure_table(classes: Mapping[str, Mapping[str, Measure]], whole: MeasuresSummary) -> MeasureTable | None:
    """The measures of all classes as a table; None when nothing was measured.

    Args:
        classes: measures by class and metric.
        whole: the same over all classes, and what metrics and features are.
    """
    measured = [(ALL_CLASSES, whole.overall), *classes.items()]
    names = {name for _, measures in measured for name in measures}
    known = [metric.name for metric in METRICS]
    order = [name for name in known if name in names] + sorted(names - set(known))
    if not order:
        return None
    columns = {name: _column(name, whole.metrics.get(name)) for name in order}
    ends = {
        name: _end(column, [measures[name] for _, measures in measured if name in measures])
        for name, column in columns.items()
    }
    rows = [
        Row(label, number == 0, [_cell(measures.get(name), ends[name]) for name in order])
        for number, (label, measures) in enumerate(measured)
        if measures
    ]
    features = whole.features
    return MeasureTable(
        columns=list(columns.values()),
        rows=rows,
        notes=_notes(measured, columns),
        features=f"{features.name}, {features.dimensions} dimensions" if features else None,
    )


def _column(name: str, recorded: MetricBounds | None) -> Column:
    """The column of a metric: as it declares itself, or, if there is none of this name, from what was recorded."""
    for metric in METRICS:
        if metric.name == name:
            return Column(metric.title, metric.good, metric.says, metric.is_share, metric.has_length)
    return Column(name.replace("_", " "), good(recorded.goal) if recorded else "")


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _end(column: Column, measures: Sequence[Measure]) -> float:
    """Where the bars of a measure end."""
    values = [abs(_finite(number) or 0.0) for measure in measures for number in (measure.value, measure.ceiling)]
    return 1.0 if column.is_share else max([*values, 1e-9])


def _cell(measure: Measure | None, end: float) -> Cell | None:
    if measure is None:
        return None
    value, error, ceiling = map(_finite, (measure.value, measure.error, measure.ceiling))
    return Cell(
        value=value,
        error=error,
        ceiling=ceiling,
        at=None if value is None else _clip(value / end),
        ceiling_at=None if ceiling is None else _clip(ceiling / end),
    )


def _clip(place: float) -> float:
    return min(max(place, 0.0), 1.0)


def _notes(measured: Sequence[tuple[str, Mapping[str, Measure]]], columns: Mapping[str, Column]) -> list[Note]:
    """Notes that say the same of a measure, with the classes that they are about."""
    labels: dict[tuple[str, str], list[str]] = {}
    for label, measures in measured:
        for name, measure in measures.items():
            if measure.note:
                labels.setdefault((name, measure.note), []).append(label)
    return [Note(columns[name].title, note, about) for (name, note), about in labels.items()]


def view(shown: Shown) -> Mapping[str, object] | None:
    """The table; None: nothing was measured."""
    summary = shown.summary
    table = measure_table({label: outcome.measures for label, outcome in summary.classes.items()}, summary.measures)
    return {"measures": table} if table else None


MEASURES = Section(anchor="measures", title="Measures", template=TEMPLATE, view=view)
