"""The job as it ran."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from dcgan.report.sections.base import Section, Shown

TEMPLATE = """\
<details>
<summary>The job as it ran: presets and machine’s numbers filled in</summary>
<pre tabindex="0" role="region" aria-label="Resolved config">{{ config_text }}</pre>
</details>
"""


def view(shown: Shown) -> Mapping[str, object]:
    """The resolved job as YAML."""
    values = shown.job.model_dump(mode="json")
    return {"config_text": yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)}


CONFIG = Section(anchor="config", title="Config", template=TEMPLATE, view=view)
