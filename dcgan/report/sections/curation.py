"""The curation: how many candidates were tried, and why some were rejected."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.report.sections.base import Section, Shown

TEMPLATE = """\
<div class="wide" tabindex="0" role="region" aria-label="Curation, by class">
<table>
<caption>Candidates were taken in order until the number asked for was accepted. They come from the best step of the
training, by a score of samples against real images held in for it.</caption>
<thead><tr><th scope="col">Class</th><th scope="col" class="num">Tried</th><th scope="col" class="num">Accepted</th>
{% for reason in rejections %}<th scope="col" class="num">Rejected: {{ reason }}</th>{% endfor %}
<th scope="col" class="num">Steps</th><th scope="col" class="num">Best step</th><th scope="col" class="num">Training</th><th scope="col" class="num">Images/s</th></tr></thead>
<tbody>
{% for label, outcome in summary.classes.items() %}
<tr><th scope="row">{{ label }}</th>
<td class="num">{{ (outcome.accepted + outcome.rejected.values() | sum) | count }}</td>
<td class="num">{{ outcome.accepted | count }}</td>
{% for reason in rejections %}<td class="num">{{ outcome.rejected.get(reason, 0) | count }}</td>{% endfor %}
<td class="num">{{ '–' if outcome.steps is none else outcome.steps | count }}</td>
<td class="num">{{ '–' if outcome.shipped_step is none else outcome.shipped_step | count }}</td>
<td class="num">{{ outcome.seconds | duration }}</td>
<td class="num">{{ '–' if outcome.images_per_second is none else '{:,.0f}'.format(outcome.images_per_second) }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
"""


def view(shown: Shown) -> Mapping[str, object]:
    """The reasons against candidates, of all classes."""
    return {"rejections": sorted({reason for outcome in shown.summary.classes.values() for reason in outcome.rejected})}


CURATION = Section(anchor="curation", title="Curation", template=TEMPLATE, view=view)
