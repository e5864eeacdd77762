"""The input files: how many, and which were left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcgan.report.sections.base import Section, Shown
from dcgan.run.records import CatalogueRecord, QuarantinedFile

TEMPLATE = """\
<p>{{ audit.num_files | count }} files: {{ audit.num_accepted | count }} accepted, {{ audit.num_left_out | count }}
quarantined, of these {{ audit.duplicates | count }} duplicates. Quarantined files are left where they are, unchanged.</p>
{% if unlabelled %}
<p>{{ unlabelled.files | count }} files without labels: {{ unlabelled.accepted | count }} accepted,
{{ unlabelled.reasons.values() | sum | count }} quarantined. Nothing is measured on them, and those that are nearly a held-out image
are not used.</p>
{% endif %}
{% if audit.reasons %}
<table class="narrow">
<caption>Why files were quarantined</caption>
<thead><tr><th scope="col">Reason</th><th scope="col" class="num">Files</th></tr></thead>
<tbody>
{% for reason, number in audit.reasons %}
<tr><th scope="row">{{ reason }}</th><td class="num">{{ number | count }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% if audit.examples %}
<details>
<summary>Quarantined files ({{ audit.examples | length }} of {{ audit.num_left_out | count }})</summary>
<table>
<thead><tr><th scope="col">File</th><th scope="col">Reason</th></tr></thead>
<tbody>
{% for example in audit.examples %}
<tr><td><code>{{ example.path }}</code></td><td>{{ example.reason }}</td></tr>
{% endfor %}
</tbody>
</table>
</details>
{% endif %}
"""


MAX_EXAMPLES = 50  # quarantined files that are named


@dataclass(frozen=True)
class Audit:
    """The input files: how many, how many were left out and why, with examples."""

    num_files: int
    num_accepted: int
    num_left_out: int
    reasons: list[tuple[str, int]]
    """With their counts, the commonest first."""
    duplicates: int
    examples: list[QuarantinedFile]


def _audit(catalogue: CatalogueRecord) -> Audit:
    num_left_out = sum(catalogue.reasons.values())
    return Audit(
        num_files=catalogue.num_files,
        num_accepted=catalogue.num_files - num_left_out - sum(catalogue.unused.values()),
        num_left_out=num_left_out,
        reasons=sorted(catalogue.reasons.items(), key=lambda item: -item[1]),
        duplicates=sum(count for reason, count in catalogue.reasons.items() if "duplicate" in reason),
        examples=catalogue.examples[:MAX_EXAMPLES],
    )


def view(shown: Shown) -> Mapping[str, object]:
    """What the catalogue found."""
    catalogue = shown.summary.catalogue
    return {"audit": _audit(catalogue), "unlabelled": catalogue.unlabelled}


INPUT = Section(anchor="input", title="Input", template=TEMPLATE, view=view)
