"""The use: what classifiers reach by what they were trained on, and the share of synthetic draws."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.report import verdicts
from dcgan.report.sections.base import Section, Shown

TEMPLATE = """\
{% from "macros.html.j2" import dots %}
<div class="beside">
{% if arms %}
<div class="wide" tabindex="0" role="region" aria-label="Scores by what a classifier was trained on">
<table class="narrow arms" role="table">
<caption>What a classifier reaches on held-out real images, by what it was trained on. A dot is one training, the line
their mean.{% if summary.rare %} Rare classes: {{ summary.rare | join(", ") }}.{% endif %}</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Trained on</th>
{% for score in arms.scores %}
<th scope="col" role="columnheader">{{ score.title }}
<span class="scale" aria-hidden="true"><span>{{ '%.0f' | format(100 * score.low) }} %</span><span>{{ '%.0f' | format(100 * score.high) }} %</span></span></th>
{% endfor %}
</tr></thead>
<tbody role="rowgroup">
{% for row in arms.rows %}
<tr role="row"><th scope="row" role="rowheader">{{ row.title }}</th>
{% for strip in row.strips %}
<td role="cell" data-score="{{ arms.scores[loop.index0].title }}">{% if strip %}<span class="measured">{{ dots(strip) }}{{ strip.mean | percent }}</span>{% else %}<span class="quiet">not measured</span>{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if shares %}
<table class="narrow">
<caption>At most so many of a class’s draws are synthetic, chosen by balanced accuracy on validation images: real
training images, not those held out. Of shares as good as the best within a standard error, it is the smallest.</caption>
<thead><tr><th scope="col">Share</th><th scope="col" class="num">Score</th><th scope="col">Chosen</th></tr></thead>
<tbody>
{% for row in shares %}
<tr{% if row.chosen %} class="chosen"{% endif %}><th scope="row">{{ '%.0f' | format(100 * row.share) }} %</th>
<td class="num">{{ row.score | percent }}</td><td>{{ "✓ chosen" if row.chosen }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
</div>
"""


def view(shown: Shown) -> Mapping[str, object] | None:
    """Arms and shares; None: nothing was evaluated."""
    arms, shares = verdicts.arms(shown.summary.arms), verdicts.shares(shown.summary.share)
    return {"arms": arms, "shares": shares} if arms or shares else None


USE = Section(anchor="use", title="Use", template=TEMPLATE, view=view)
