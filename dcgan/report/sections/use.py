"""The use: what classifiers reach by what they were trained with, and the recipes that were tried."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.report import verdicts
from dcgan.report.sections.base import Section, Shown

TEMPLATE = """\
{% from "macros.html.j2" import dots %}
{% if arms %}
<div class="wide" tabindex="0" role="region" aria-label="Scores by what a classifier was trained on">
<table class="narrow arms" role="table">
<caption>What a classifier reaches on held-out real images, by what it was trained on. A dot is one training, the line
their mean. Gain: over classical augmentation alone, of {{ summary.advice.measure if summary.advice else "balanced accuracy" }}, with a 95 % confidence interval.{% if summary.rare %} Rare classes: {{ summary.rare | join(", ") }}.{% endif %}</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Trained on</th>
{% for score in arms.scores %}
<th scope="col" role="columnheader">{{ score.title }}
<span class="scale" aria-hidden="true"><span>{{ '%.0f' | format(100 * score.low) }} %</span><span>{{ '%.0f' | format(100 * score.high) }} %</span></span></th>
{% endfor %}
<th scope="col" role="columnheader" class="num">Gain, points</th>
</tr></thead>
<tbody role="rowgroup">
{% for row in arms.rows %}
<tr role="row"><th scope="row" role="rowheader">{{ row.title }}</th>
{% for strip in row.strips %}
<td role="cell" data-score="{{ arms.scores[loop.index0].title }}">{% if strip %}<span class="measured">{{ dots(strip) }}{{ strip.mean | percent }}</span>{% else %}<span class="quiet">not measured</span>{% endif %}</td>
{% endfor %}
<td role="cell" class="num" data-score="Gain, points">{% if row.gain %}{{ row.gain.gain | points }} <span class="quiet">{{ row.gain.gain_low | points }} to {{ row.gain.gain_high | points }}</span>{% endif %}</td>
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if recipes %}
<div class="wide" tabindex="0" role="region" aria-label="Recipes that were tried">
<table class="narrow">
<caption>Recipes by how far they fall behind the best on validation images, in points of balanced accuracy with a standard
error. Images near the border between two classes count in part, so that the order can differ a little from that of the
accuracy beside it. Validation images are real training images, not those held out. The GANs have seen them, which favours
synthetic images. So they say only whether to mix or to guess labels, and with which share the images are measured: the
smallest within a standard error of the best. Whether the images are used at all, the held-out images say.</caption>
<thead><tr><th scope="col">Recipe</th><th scope="col" class="num">Behind, points</th><th scope="col" class="num">Balanced accuracy</th><th scope="col">Measured</th></tr></thead>
<tbody>
{% for row in recipes %}
<tr{% if row.chosen %} class="chosen"{% endif %}><th scope="row">{{ row.title }}</th>
<td class="num">{{ '%.1f ± %.1f' | format(100 * row.behind, 100 * row.error) }}</td><td class="num">{{ row.score | percent }}</td><td>{{ "✓ measured" if row.chosen }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
"""


def view(shown: Shown) -> Mapping[str, object] | None:
    """Arms and recipes; None: nothing was evaluated."""
    arms, recipes = verdicts.arms(shown.summary.arms), verdicts.recipes(shown.summary.recipe)
    return {"arms": arms, "recipes": recipes} if arms or recipes else None


USE = Section(anchor="use", title="Use", template=TEMPLATE, view=view)
