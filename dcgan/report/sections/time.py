"""How long each stage took."""

from __future__ import annotations

from dcgan.report.sections.base import Section

TEMPLATE = """\
{% if summary.seconds %}
{% set longest = [summary.seconds.values() | max, 0.001] | max %}
<table>
<thead><tr><th scope="col">Stage</th><th scope="col" class="num">Time</th><th scope="col" class="bar">Share</th></tr></thead>
<tbody>
{% for stage, taken in summary.seconds.items() %}
<tr><th scope="row">{{ stage }}</th><td class="num">{{ taken | duration }}</td>
<td class="bar"><span aria-hidden="true" style="width: {{ '%.1f' | format(100 * taken / longest) }}%"></span></td></tr>
{% endfor %}
<tr><th scope="row">In all</th><td class="num">{{ summary.seconds.values() | sum | duration }}</td><td></td></tr>
</tbody>
</table>
{% else %}
<p>No times were recorded.</p>
{% endif %}
"""


TIME = Section(anchor="time", title="Time", template=TEMPLATE)
