"""What every part of a job file is built on. Every field says its unit and its default."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dcgan.errors import ConfigError
from dcgan.files import urls

SIDE_MIN, SIDE_MAX = 8, 256  # px; smaller has nothing to learn from, larger is not a DCGAN's work

Side = Annotated[int, Field(ge=SIDE_MIN, le=SIDE_MAX)]
Count = Annotated[int, Field(ge=0)]
Augmentation = Literal["translation", "brightness", "contrast", "saturation", "cutout", "flip", "rotation", "elastic"]
USUAL_AUGMENTATION: tuple[Augmentation, ...] = ("translation", "brightness")  # what nearly any image may undergo


class Model(BaseModel):
    """Base of all parts: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def absolute(folder: Path, path: str) -> str:
    """A path, relative to a folder if it is relative, as an absolute one; a URL as it is.

    Raises:
        ConfigError: no file can have this path.
    """
    path = path.removeprefix("file://")
    if urls.is_url(path):
        return path.rstrip("/")
    try:
        found = (folder / Path(path).expanduser()).resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            found.stat()
    except (OSError, ValueError, RuntimeError) as error:  # too long; a NUL; `~` of nobody, or a loop of links
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"no file can have the path {path[:200]!r}: {why}") from error
    return str(found)
