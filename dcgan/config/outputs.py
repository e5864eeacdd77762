"""`outputs`: where runs and releases are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dcgan.config.base import Model
from dcgan.files import urls


class OutputsConfig(Model):
    """Where runs and releases go."""

    root: str = "outputs"
    """Folder; runs and releases of this job go to `<root>/<name>/`. A path relative to the job file, or a URL such as
    `s3://bucket/outputs`, without credentials: then only releases go there, and what a cluster's machines share."""
    keep: Annotated[int, Field(ge=1)] = 7
    """Releases kept; the one that `latest` names is never removed, and none while it is read."""
    format: Literal["files", "tfrecord", "webdataset"] = "files"
    """How a release holds its images. files: a PNG file each; tfrecord, webdataset: in shards, for large sets."""

    @field_validator("root")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        urls.require_harmless(value)
        return value
