"""What the package says of itself."""

from __future__ import annotations

from importlib import metadata

import pytest

import dcgan


def test_version_is_that_of_the_installed_package() -> None:
    assert dcgan.__version__ == metadata.version("dcgan-augment")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'dcgan' has no attribute 'load_releases'"):
        dcgan.load_releases  # noqa: B018
