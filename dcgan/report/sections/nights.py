"""The job's nights, this one among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcgan.report import figures
from dcgan.report.sections.base import Section, Shown
from dcgan.run import history
from dcgan.run.history import Night
from dcgan.run.paths import Run
from dcgan.run.records import RunSummary

TEMPLATE = """\
{% if trend.figure %}
<p class="quiet">Balanced accuracy on held-out real images,
<span class="key"></span> ● without and
<span class="key second"></span> ▲ with the synthetic images,
and how many images were released, run by run.</p>
<img class="trend" src="{{ trend.figure }}" width="480" height="316" alt="Balanced accuracy without and with the synthetic images, and images released, of the job’s last runs; the table below has the numbers" decoding="async">
<details>
<summary>Night by night ({{ trend.nights | length }} of {{ trend.count | count }})</summary>
<div class="wide" tabindex="0" role="region" aria-label="Night by night">
<table>
<thead><tr><th scope="col">Run</th><th scope="col" class="num">Released</th><th scope="col" class="num">Classes shipped</th>
<th scope="col" class="num">Without</th><th scope="col" class="num">With</th><th scope="col" class="num">Took</th><th scope="col">State</th></tr></thead>
<tbody>
{% for night in trend.nights %}
<tr><th scope="row">{{ night.run_id }}</th><td class="num">{{ night.released | count }}</td>
<td class="num">{{ night.counts.shipped }} of {{ night.verdicts | length }}</td>
<td class="num">{{ '–' if night.accuracy_without is none else night.accuracy_without | percent }}</td>
<td class="num">{{ '–' if night.accuracy_with is none else night.accuracy_with | percent }}</td>
<td class="num">{{ night.seconds | duration }}</td><td>{{ night.state }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% else %}
<p>This is the job’s first finished run.</p>
{% endif %}
"""


MAX_LISTED_NIGHTS = 30


@dataclass(frozen=True)
class Trend:
    """The job's nights, this one among them."""

    figure: str | None
    count: int
    nights: list[Night]
    """The newest."""


def _trend(run: Run, summary: RunSummary) -> Trend:
    """The job's nights: the figure, and the newest as rows."""
    tonight = history.night_of(summary)
    nights = [night for night in history.read(run.job) if night.run_id != tonight.run_id] + [tonight]
    return Trend(figures.trend(nights), len(nights), nights[: -MAX_LISTED_NIGHTS - 1 : -1])


def view(shown: Shown) -> Mapping[str, object]:
    """The nights up to this one."""
    return {"trend": _trend(shown.run, shown.summary)}


NIGHTS = Section(anchor="nights", title="Nights", template=TEMPLATE, view=view)
