"""What all records have in common: frozen, typed, and JSON in a file that is whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dcgan.errors import StorageError
from dcgan.files import storage

R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """Base of all records. Keys that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


def write(path: Path, record: Record) -> None:
    """Write a record as JSON, atomically.

    Raises:
        StorageError: the system refuses to write.
    """
    storage.write_json(path, record.model_dump(mode="json"))


def read(path: Path, kind: type[R]) -> R:
    """Read a record.

    Raises:
        StorageError: the file is missing, is not JSON, or does not hold such a record.
    """
    try:
        return kind.model_validate(storage.read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise StorageError(
            f"{path} does not hold a {kind.__name__}: {where}: {first['msg']}. It was written by another version, or "
            "has been changed. Delete it, and run the job again."
        ) from error


def read_if_there(path: Path, kind: type[R]) -> R | None:
    """The same, or None where there is no such file."""
    return read(path, kind) if path.exists() else None
