"""The sections of the report: one file for each, and here their order.

To add one, write its file and name it in `SECTIONS`; see docs/contributing/architecture.md.
"""

from __future__ import annotations

from dcgan.report.sections.base import Section
from dcgan.report.sections.classes import CLASSES
from dcgan.report.sections.config import CONFIG
from dcgan.report.sections.curation import CURATION
from dcgan.report.sections.images import IMAGES
from dcgan.report.sections.input import INPUT
from dcgan.report.sections.leakage import LEAKAGE
from dcgan.report.sections.measures import MEASURES
from dcgan.report.sections.nights import NIGHTS
from dcgan.report.sections.provenance import PROVENANCE
from dcgan.report.sections.time import TIME
from dcgan.report.sections.training import TRAINING
from dcgan.report.sections.use import USE

SECTIONS: tuple[Section, ...] = (
    CLASSES,
    USE,
    IMAGES,
    MEASURES,
    LEAKAGE,
    TRAINING,
    CURATION,
    NIGHTS,
    INPUT,
    TIME,
    CONFIG,
    PROVENANCE,
)
"""In the order of the page."""
