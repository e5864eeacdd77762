"""`outputs`: where runs and releases are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dcgan.config.base import Model
from dcgan.files import urls


class OutputsConfig(Model):
    """Where runs and releases go."""

    root: str = "outputs"
    """Path or URL: runs and releases go to `<root>/<name>/`. It must not be inside `data.source`. A path is relative to
    the job file. To a URL, such as `s3://bucket/outputs`, only releases go, and what the machines of a cluster
    share."""
    keep: Annotated[int, Field(ge=1)] = 7
    """Releases kept, and runs kept, by the order in which they were made, whatever the clock said. The release that
    `latest` names is never removed, and none while it is being read."""
    format: Literal["files", "tfrecord", "webdataset"] = "files"
    """How a release stores its images. `files`: one PNG file each. `tfrecord` and `webdataset`: in shards, for sets of
    about 100,000 images and more."""

    base: bool = False
    """Whether a release carries the shared base, with a list of hashes of the images that it has seen, so that other
    jobs can begin with it (`training.base_from`)."""

    @field_validator("root")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        urls.require_harmless(value)
        return value
