"""What may have leaked: near duplicates among the real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcgan.report.sections.base import Section, Shown
from dcgan.run.records import ClassOutcome, LeakageSummary, LeakedPair

TEMPLATE = """\
<p class="quiet">Near duplicates among the real images. A held-out image that is nearly a training image is no evidence,
and is not counted as such.</p>
<dl>
{% for kind, number in leakage.pairs.items() %}
<dt>Pairs {{ kind }}</dt><dd>{{ number | count }}</dd>
{% endfor %}
{% if leakage.classes %}
<dt>Held-out images not counted</dt>
<dd>{% for label, outcome in leakage.classes.items() %}{{ label }}: {{ outcome.leaked | count }} of {{ outcome.holdout | count }}{{ ", " if not loop.last }}{% endfor %}</dd>
{% endif %}
</dl>
{% if leakage.examples %}
<details>
<summary>Nearest pairs ({{ leakage.examples | length }} of {{ leakage.count | count }})</summary>
<div class="wide" tabindex="0" role="region" aria-label="Nearest pairs of near duplicates">
<table>
<thead><tr><th scope="col">Image</th><th scope="col">Near duplicate</th><th scope="col" class="num">Distance</th></tr></thead>
<tbody>
{% for example in leakage.examples %}
<tr>
{% for image in example.images %}
<td><code>{{ image.path }}</code> <span class="quiet">{{ image.label }}, {{ image.split }}</span></td>
{% endfor %}
<td class="num">{{ example.distance | figure }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% endif %}
"""


MAX_LISTED = 20  # leaked pairs that are named


@dataclass(frozen=True)
class Leakage:
    """Near duplicates among the real images, which make held-out ones no evidence."""

    pairs: dict[str, int]
    """By kind."""
    classes: dict[str, ClassOutcome]
    """Those that lose held-out images."""
    examples: list[LeakedPair]
    count: int
    """Of the examples that there are."""


def leakage_view(found: LeakageSummary, classes: Mapping[str, ClassOutcome]) -> Leakage | None:
    """What is shown of near duplicates; None when nobody has looked."""
    if found.pairs is None:
        return None
    losing = {label: outcome for label, outcome in classes.items() if outcome.leaked}
    return Leakage(found.pairs, losing, found.examples[:MAX_LISTED], len(found.examples))


def view(shown: Shown) -> Mapping[str, object] | None:
    """The near duplicates; None: nobody has looked for them."""
    found = leakage_view(shown.summary.leakage, shown.summary.classes)
    return {"leakage": found} if found else None


LEAKAGE = Section(anchor="leakage", title="Leakage", template=TEMPLATE, view=view)
