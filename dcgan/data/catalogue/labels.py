"""Class names out of tables and arrays, where they may be bytes, numbers, truth values or lists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import InputError


def to_names(values: Iterable[Any], where: str, class_names: Sequence[str] = ()) -> list[str]:
    """Class names as text.

    Args:
        values: text, UTF-8 bytes, whole numbers (also as floating point), truth values, or lists of one of these.
        where: file and column, for messages.
        class_names: what whole numbers and truth values are indices into; without any, they are names themselves.

    Returns:
        A name for each; "" if a value is missing.

    Raises:
        InputError: a value is of another kind, is a list of several, or has no class name.
    """
    known: dict[tuple[type, Any], str] = {}  # a million rows have few labels
    found = []
    for number, value in enumerate(values):
        key = type(value), value if isinstance(value, str | bytes | int | float) else None
        name = known.get(key) if key[1] is not None else None
        if name is None:
            try:
                name = known[key] = _name(value, class_names)
            except InputError as error:
                raise InputError(f"{where}, row {number + 1}: {error}") from None
        found.append(name)
    return found


def _name(value: Any, class_names: Sequence[str]) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"the label {value[:40]!r} is not UTF-8 text: {error}") from None
    if isinstance(value, list | tuple | np.ndarray):
        if len(value) > 1:
            raise InputError(
                f"the label is a list of {len(value)}, {str(list(value))[:80]}; expected one class for each image. "
                "Keep one of them, or name the column that has one: data.columns: {label: ...}"
            )
        return _name(value[0], class_names) if len(value) else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | int):
        return _of_index(value, class_names)
    if isinstance(value, float) and not class_names:
        return str(value)
    raise InputError(
        f"the label {str(value)[:40]!r} is a {type(value).__name__}; expected text or whole numbers: write the classes "
        "as text"
    )


def _of_index(value: int, class_names: Sequence[str]) -> str:
    if not class_names:
        return str(value)
    if not 0 <= value < len(class_names):
        raise InputError(f"the label {value} is not one of the {len(class_names)} classes, which are numbered from 0")
    return class_names[value]


def numbers_only(folder: Path, names: Iterable[str]) -> list[str]:
    """What to say of classes that have nothing but numbers for names: where the set says what they are."""
    if not all(name.isdecimal() for name in names):
        return []
    readmes = sorted(one.name for one in folder.iterdir() if one.name.lower().startswith("readme"))
    return [f"classes by number only ({readmes[0] if readmes else 'the README of the set'} says what they are)"]
