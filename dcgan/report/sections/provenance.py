"""What the run's bytes depend on."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.report import text
from dcgan.report.sections.base import Section, Shown
from dcgan.run.records import RunSummary

TEMPLATE = """\
<dl>
{% for name, value in provenance %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl>
<details>
<summary>Fingerprints and models, by class</summary>
<div class="wide" tabindex="0" role="region" aria-label="Fingerprints and models, by class">
<table>
<thead><tr><th scope="col">Class</th><th scope="col">Fingerprint of its images</th><th scope="col">SHA-256 of its model</th></tr></thead>
<tbody>
{% for label, outcome in summary.classes.items() %}
<tr><th scope="row">{{ label }}</th><td><code>{{ outcome.fingerprint or '–' }}</code></td><td><code>{{ outcome.model_sha256 or '–' }}</code></td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
"""


def _provenance(summary: RunSummary) -> list[tuple[str, str]]:
    """Names and values of what the run's bytes depend on."""
    height, width = summary.image_size
    given = [
        ("Job", summary.job),
        ("Run", summary.run_id),
        ("Started", text.moment(summary.started)),
        ("Finished", text.moment(summary.finished)),
        ("Images", f"{height} × {width} px, {'grey' if summary.channels == 1 else 'RGB'}"),
        ("Seed", str(summary.seed)),
        ("Threads", str(summary.threads)),
        ("Processor", summary.processor),
        ("GPUs", summary.gpus),
        *summary.versions.items(),
    ]
    return [(name, value) for name, value in given if value]


def view(shown: Shown) -> Mapping[str, object]:
    """Names and values."""
    return {"provenance": _provenance(shown.summary)}


PROVENANCE = Section(anchor="provenance", title="Provenance", template=TEMPLATE, view=view)
