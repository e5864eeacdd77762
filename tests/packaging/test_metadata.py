"""What the package says of itself."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
import yaml

import dcgan

ROOT = Path(__file__).parents[2]


def test_version_is_that_of_the_installed_package() -> None:
    assert dcgan.__version__ == metadata.version("dcgan-augment")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'dcgan' has no attribute 'load_releases'"):
        dcgan.load_releases  # noqa: B018


def test_citation_names_this_version_and_what_the_format_requires() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license"} <= set(cited)
    assert str(cited["version"]) == dcgan.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{cited['version']}] - {cited['date-released']}\n" in changelog
