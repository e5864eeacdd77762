"""The images: real and synthetic ones of each class, and the nearest pairs."""

from __future__ import annotations

from dcgan.report.sections.base import Section

TEMPLATE = """\
{% from "macros.html.j2" import badge, picture with context %}
<p class="quiet">The first of each kind, not the best; then the synthetic ones that come nearest to a
real training image, above those; at distance 0 they would be copies.
{% if classes | rejectattr("pictures") | list %}
Pictures of the other classes are in the run’s folder.
{% endif %}
</p>
{% for entry in classes %}
{% set outcome = entry.outcome %}
<article class="class" aria-labelledby="class-{{ entry.number }}">
<header><h3 id="class-{{ entry.number }}">{{ entry.label }}</h3>{{ badge(outcome.verdict) }}<span class="quiet">{{ outcome.reason }}</span></header>
{% if entry.pictures %}
{% set shown = entry.pictures %}
<div class="looks">
{{ picture(shown.real, 'Grid of real images of class ' ~ entry.label, (outcome.train | count) ~ ' real, for training', 'No real training image.') }}
{{ picture(
  shown.synthetic, 'Grid of synthetic images of class ' ~ entry.label,
  (outcome.accepted | count) ~ ' synthetic' ~ ('' if outcome.verdict in ('shipped', 'none') else ', not in the release'),
  'None was made.', outcome.verdict not in ('shipped', 'none')
) }}
{% if shown.pairs %}
{{ picture(
  shown.pairs.grid,
  'Synthetic images of class ' ~ entry.label ~ ' above the real training images that they come nearest to',
  'Nearest pairs, real below: distance ' ~ (shown.pairs.low | figure(2)) ~ ' to ' ~ (shown.pairs.high | figure(2)), ''
) }}
{% endif %}
</div>
<div class="more">
{% if shown.timelapse %}
<details>
<summary>Watch the training of {{ entry.label }}</summary>
<picture>
<source media="(prefers-reduced-motion: reduce)" srcset="{{ shown.timelapse.still }}">
<img class="pixels" src="{{ shown.timelapse.uri }}" width="{{ shown.timelapse.width }}" height="{{ shown.timelapse.height }}" alt="Timelapse of samples of class {{ entry.label }} over the training, {{ shown.timelapse.frames }} frames" decoding="async">
</picture>
</details>
{% endif %}
{% if shown.rejected %}
<details>
<summary>Rejected candidates of {{ entry.label }}</summary>
<div class="looks">
{% for kind in shown.rejected %}
{{ picture(
  kind.grid, 'Candidates of class ' ~ entry.label ~ ' rejected as ' ~ kind.reason,
  (outcome.rejected.get(kind.reason, kind.grid.count) | count) ~ ' rejected: ' ~ kind.reason, ''
) }}
{% endfor %}
</div>
</details>
{% endif %}
</div>
{% endif %}
</article>
{% endfor %}
"""


IMAGES = Section(anchor="images", title="Images", template=TEMPLATE)
