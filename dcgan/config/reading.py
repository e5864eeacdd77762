"""From a YAML file and settings of the command line to a job, or to an error that says what was expected instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dcgan.config import safe_yaml
from dcgan.config.job import JobConfig, ResolvedJob
from dcgan.errors import ConfigError

J = TypeVar("J", bound=JobConfig)

MAX_LISTED = 20  # wrong keys that a message lists
MAX_SHOWN = 200  # characters of a wrong value that it repeats


def load_job(path: Path, overrides: Iterable[str] = ()) -> ResolvedJob:
    """Read a job file, apply `key=value` overrides, and resolve it.

    Args:
        path: YAML file.
        overrides: such as `generation.per_class=200`; values are read as YAML.

    Raises:
        ConfigError: naming key, value and what was expected.
    """
    values = safe_yaml.read_file(path)
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys such as `name:` and `data:`, found {type(values).__name__}")
    for override in overrides:
        apply_override(values, override)
    return parse_job(values, where=str(path)).resolve(path.resolve().parent)


def parse_job(values: Any, where: str) -> JobConfig:
    """Check values against the model.

    Args:
        values: what the YAML file holds.
        where: named in the message.

    Raises:
        ConfigError: one line for each wrong key.
    """
    return _validated(JobConfig, values, where)


def parse_resolved(values: Any, where: str) -> ResolvedJob:
    """Check values that a run has recorded against the resolved model; arguments and errors as of `parse_job`."""
    return _validated(ResolvedJob, values, where)


def _validated(model: type[J], values: Any, where: str) -> J:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        messages = list(_messages(error))
        more = [f"and {len(messages) - MAX_LISTED:,} more wrong keys"] if len(messages) > MAX_LISTED else []
        raise ConfigError(f"{where}: " + "; ".join(messages[:MAX_LISTED] + more)) from error


def _messages(error: ValidationError) -> Iterable[str]:
    """One line per wrong key. A union's branches (`int` or `dict`) complain separately; they are reported as one."""
    problems: dict[str, tuple[list[str], Any]] = {}
    for detail in error.errors():
        branch = re.compile(r"[\[\]]|^(constrained-)?(int|float|str|literal)$")
        key = ".".join(str(part) for part in detail["loc"] if not branch.search(str(part)))
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = _unknown(detail["loc"])
        found = None if detail["type"] in ("missing", "value_error") else detail["input"]
        expected, _ = problems.setdefault(key, ([], found))
        expected.append(message)
    for key, (expected, found) in problems.items():
        yield f"{key or 'the file'}: {' or '.join(dict.fromkeys(expected))}" + (
            f" (found {_shown(found)})" if found is not None else ""
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} ..."


def _unknown(location: tuple[int | str, ...]) -> str:
    """What to say of a key that no model has."""
    model: Any = JobConfig
    for part in location[:-1]:
        model = model.model_fields[part].annotation
    known, name = list(model.model_fields), str(location[-1])
    elsewhere = [key for key, _ in fields() if key.rpartition(".")[2] == name]
    meant = [*elsewhere, *difflib.get_close_matches(name, known, n=1)]
    return f"unknown key{f' (did you mean {meant[0]}?)' if meant else ''}; known here: {', '.join(known)}"


def fields(model: type[BaseModel] = JobConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a job file that holds a value, with its dots, in the order of the models.

    Args:
        model: of the job or a part of it.
        prefix: of the part's keys.
    """
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one key of a job file's values.

    Args:
        values: changed in place.
        override: `key=value`, with dots in the key, and the value as YAML.

    Raises:
        ConfigError: it is not key=value, or the value is not YAML.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected key=value, such as generation.per_class=200")
    try:
        value = safe_yaml.parse(text)
    except ValueError as error:
        raise ConfigError(f"--set {override}: the value is not YAML: {error}") from error
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {parent} is a value, and has no keys")
    values[last] = value
