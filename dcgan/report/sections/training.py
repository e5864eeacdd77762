"""The trainings: losses, scores and incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcgan.report import figures
from dcgan.report.journals import read_journal
from dcgan.report.sections.base import ClassView, Section, Shown
from dcgan.run.paths import Run

TEMPLATE = """\
{% if trainings %}
<p class="quiet">Above, losses by optimizer step:
<span class="key"></span> discriminator (solid),
<span class="key second"></span> generator (dashed).
Steady is good; a generator that climbs while the discriminator sinks to 0 has lost. Below, the score of samples against
real images: the lower, the better. The dotted line is the step that ships, the last of those that score as well as any.
All on the same scales.</p>
<div class="multiples">
{% for training in trainings %}
<figure><figcaption>{% if training.shipped_step is none %}<strong>{{ training.title }}</strong>{% else %}{{ training.title }}, step {{ training.shipped_step | count }} ships{% endif %}</figcaption>
<img src="{{ training.uri }}" width="240" height="{{ 182 if training.has_scores else 120 }}" alt="Losses{{ ' and scores' if training.has_scores }} of {{ training.title }}; at step {{ '%d' | format(training.last.step) }}: discriminator {{ '%.2f' | format(training.last.d_loss) }}, generator {{ '%.2f' | format(training.last.g_loss) }}" decoding="async"></figure>
{% endfor %}
</div>
{% for label, outcome in summary.classes.items() if outcome.incidents %}
<p>{{ label }}: {% for incident in outcome.incidents %}{{ incident.kind }} at step {{ incident.step }} ({{ incident.detail }}){{ "; " if not loop.last }}{% endfor %}.
Training went back and continued with other random draws and smaller steps.</p>
{% endfor %}
{% else %}
<p>Nothing was trained.</p>
{% endif %}
"""


@dataclass(frozen=True)
class Training:
    """The figure of one training."""

    title: str
    uri: str
    last: Mapping[str, float]
    """The last row of its losses."""
    shipped_step: int | None
    has_scores: bool


def _trainings(run: Run, classes: Sequence[ClassView]) -> list[Training]:
    """A titled figure for the base and for each class that has a journal."""
    journals = {"": read_journal(run.base)} | {
        view.label: read_journal(run.training(view.label)) for view in classes if view.pictures
    }
    return [
        Training(
            title=label or "Shared base",
            uri=uri,
            last=journals[label].losses[-1],
            shipped_step=journals[label].shipped_step if label else None,
            has_scores=bool(journals[label].scores),
        )
        for label, uri in figures.training_curves(journals).items()
    ]


def view(shown: Shown) -> Mapping[str, object]:
    """A figure of each training."""
    return {"trainings": _trainings(shown.run, shown.classes)}


TRAINING = Section(anchor="training", title="Training", template=TEMPLATE, view=view)
