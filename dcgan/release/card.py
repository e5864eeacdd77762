"""The dataset card: a release's README.md, in the form that Hugging Face reads."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from dcgan.config import ResolvedJob
from dcgan.run import sentences
from dcgan.run.records import RunSummary

# What means something to Markdown inside a line or a table's cell, HTML or LaTeX on Hugging Face.
_SPECIAL = re.compile(r"[\\`*_\[\]{}<>|&~$#!@\"]")

_DATA_FILES = {"files": ["images/**", "metadata.*"], "tfrecord": "manifest.parquet", "webdataset": "shards/*.tar"}


def escape_markdown(value: object) -> str:
    """A text as itself inside a Markdown line or table cell: one line, special characters as HTML entities."""
    line = " ".join(str(value).split())
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", line)


def dataset_card(job: ResolvedJob, summary: RunSummary) -> str:
    """The card's Markdown.

    Args:
        job: resolved.
        summary: of the run.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcgan.release", "."),
        # HTML's escaping is not Markdown's: `finalize` escapes whatever is not marked as safe.
        autoescape=False,  # noqa: S701
        finalize=lambda value: value if isinstance(value, Markup) else escape_markdown(value),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    front_matter = yaml.safe_dump(_front_matter(job, summary.released), sort_keys=False, allow_unicode=True)
    return environment.get_template("card.md.j2").render(
        front_matter=Markup(front_matter),  # noqa: S704 (YAML, and quoted as such; Markdown's escapes would be in it)
        config=job,
        summary=summary,
        advice=sentences.advice(summary.advice) if summary.advice else None,
        worth=sentences.worth(summary.advice) if summary.advice else None,
        color_mode="grayscale" if summary.channels == 1 else "rgb",
    )


def _front_matter(job: ResolvedJob, total: int) -> dict[str, Any]:
    kind = job.outputs.format
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return {
        "pretty_name": f"{job.name}: synthetic images",
        "license": "other",
        "license_name": "as-the-real-images",
        "task_categories": ["image-classification"],
        "tags": ["synthetic", "dcgan", "data-augmentation"],
        "annotations_creators": ["machine-generated"],
        # Else its reader takes a class that is called train or test for a split.
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": _DATA_FILES[kind]}]}],
        "size_categories": [next((name for bound, name in bounds.items() if total < bound), "1M<n<10M")],
    }
