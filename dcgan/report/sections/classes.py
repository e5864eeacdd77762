"""The classes: verdicts, gains and why."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.report import verdicts
from dcgan.report.sections.base import Section, Shown

TEMPLATE = """\
{% from "macros.html.j2" import badge, forest with context %}
<table class="classes" role="table">
<caption>Gain: points of recall on held-out real images that a classifier wins by the synthetic ones{{ ", of balanced accuracy for all classes together" if summary.overall }},
with a 95 % confidence interval.{% if summary.overall and summary.overall.smoothed %} Images near the border between two classes count in part, so that a gain can differ a little from the difference in recall.{% endif %} ▲ shown to help, ▼ shown to harm, ○ neither is shown. Gate policy: <code>{{ policy }}</code>.</caption>
<thead role="rowgroup"><tr role="row">
<th scope="col" role="columnheader">Class</th><th scope="col" role="columnheader" class="num">Real</th>
<th scope="col" role="columnheader" class="num">Held out</th><th scope="col" role="columnheader" class="num">Asked</th>
<th scope="col" role="columnheader" class="num">Made</th><th scope="col" role="columnheader" class="num">Released</th>
<th scope="col" role="columnheader">Verdict</th>
<th scope="col" role="columnheader">Gain, points
<span class="scale" aria-hidden="true"><span>−{{ limit }}</span><span>0</span><span>+{{ limit }}</span></span></th>
<th scope="col" role="columnheader">Why</th>
</tr></thead>
<tbody role="rowgroup">
<tr class="all" role="row">
<th scope="row" role="rowheader" class="name">All classes</th>
{% for key, unit in [('train', 'real'), ('holdout', 'held out'), ('requested', 'asked'), ('accepted', 'made'), ('released', 'released')] %}
<td role="cell" class="num" data-unit="{{ unit }}">{{ summary.classes.values() | sum(attribute=key) | count }}</td>
{% endfor %}
<td role="cell" class="state">{% if summary.overall %}{{ badge(summary.overall.verdict) }}{% endif %}</td>
<td role="cell" class="gain">{% if summary.overall %}{{ forest(summary.overall, summary.overall.effect) }}{% endif %}</td>
<td role="cell" class="why">{% if summary.overall %}{{ summary.overall.reason }}{% endif %}</td>
</tr>
{% for entry in classes %}
{% set outcome = entry.outcome %}
<tr role="row">
<th scope="row" role="rowheader" class="name"><a href="#class-{{ entry.number }}">{{ entry.label }}</a></th>
<td role="cell" class="num" data-unit="real">{{ outcome.train | count }}</td>
<td role="cell" class="num" data-unit="held out">{{ outcome.holdout | count }}</td>
<td role="cell" class="num" data-unit="asked">{{ outcome.requested | count }}</td>
<td role="cell" class="num" data-unit="made">{{ outcome.accepted | count }}</td>
<td role="cell" class="num" data-unit="released">{{ outcome.released | count }}</td>
<td role="cell" class="state">{{ badge(outcome.verdict) }}</td>
<td role="cell" class="gain">{% if outcome.evidence and outcome.evidence.recall %}{{ forest(outcome.evidence.recall, entry.effect) }}{% else %}<span class="quiet">not measured</span>{% endif %}</td>
<td role="cell" class="why">{{ outcome.reason }}</td>
</tr>
{% endfor %}
</tbody>
</table>
"""


def view(shown: Shown) -> Mapping[str, object]:
    """The scale on which all gains fit."""
    summary = shown.summary
    of_classes = (outcome.evidence.recall for outcome in summary.classes.values() if outcome.evidence)
    return {
        "limit": verdicts.forest_limit(gain for gain in (summary.overall, *of_classes) if gain),
        "policy": shown.job.gate.policy,
    }


CLASSES = Section(anchor="classes", title="Classes", template=TEMPLATE, view=view)
