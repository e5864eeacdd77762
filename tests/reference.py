"""The parts of the reference that are made from the code: the job file's keys, and the commands with their options.

`python -m tests.reference` writes them into the pages, between marks that a reader does not see. What stands outside
the marks is written by hand.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from dcgan.cli.main import commands
from dcgan.config import fields
from dcgan.config.training import PRESETS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
JOB_FILE = REFERENCE / "job-file.md"
COMMANDS = REFERENCE / "commands.md"
COMMAND = "python -m tests.reference"

BOUNDS = {"ge": "from", "gt": "over", "le": "to", "lt": "under"}
SHARED = ("--set", "--json")  # options that mean the same wherever they are
CONTEXT = click.Context(commands, info_name="dcgan")
PART = re.compile(r"(<!-- made from the code: (.+?) -->\n).*?(<!-- until here -->)", re.DOTALL)


def made(page: Path) -> str:
    """The text of a page, with its parts as the code has them now."""
    parts = keys() if page == JOB_FILE else helps()
    text = page.read_text(encoding="utf-8")
    found = [name for _, name, _ in PART.findall(text)]
    if sorted(found) != sorted(parts):
        raise ValueError(f"{page}: has marks for {sorted(found)}, expected {sorted(parts)}: add or remove them")
    return PART.sub(lambda mark: f"{mark[1]}{parts[mark[2]]}\n{mark[3]}", text)


# The job file


def keys() -> dict[str, str]:
    """A table for each part of a job file, by the part's name; that of the job itself is called `job`."""
    tables: dict[str, list[str]] = {"job": []}
    for name, field in fields():
        part = name.partition(".")[0] if "." in name else "job"
        default = "required" if field.default is PydanticUndefined else f"`{_yaml(field.default)}`"
        meaning = " ".join((field.description or "").split())
        row = f"| `{name}` | {default} | {values(field)} | {meaning} |"
        tables.setdefault(part, []).append(row)
    head = ["| Key | Default | Values | Meaning |", "| --- | --- | --- | --- |"]
    return {part: "\n".join(head + rows) for part, rows in tables.items()} | {"presets": _presets()}


def _presets() -> str:
    """A table of what differs between presets, and below it what does not."""
    given = {name: preset.model_dump(exclude_unset=True) for name, preset in PRESETS.items()}
    first, *others = given.values()
    differing = [key for key in first if any(other[key] != first[key] for other in others)]
    rows = [["Preset", *(f"`{key}`" for key in differing)], ["---", *["---:"] * len(differing)]]
    rows += [[name, *(f"{preset[key]:,}" for key in differing)] for name, preset in given.items()]
    shared = ", ".join(f"`{key}: {_yaml(value)}`" for key, value in first.items() if key not in differing)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\nAll presets: {shared}."


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0]


def values(field: FieldInfo) -> str:
    """What a key may be set to, in words. `null` is not among them: it is a default, which stands in its own column."""
    return _words(field.annotation, field.metadata)


def _words(annotation: Any, limits: Sequence[Any] = ()) -> str:
    """A type in words.

    Args:
        annotation: of a field.
        limits: of its numbers, as Pydantic and `Annotated` have them.
    """
    kind, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        further = [one for mark in annotation.__metadata__ for one in getattr(mark, "metadata", [mark])]
        words = _words(arguments[0], [*limits, *further])
    elif kind in (Union, types.UnionType):
        words = " or ".join(dict.fromkeys(_words(one, limits) for one in arguments if one is not type(None)))
    elif kind is Literal:
        *first, last = [f"`{_yaml(one)}`" for one in arguments]
        words = f"{', '.join(first)} or {last}" if first else last
    elif kind is list or arguments[1:] == (Ellipsis,):
        words = f"list of {_words(arguments[0])}"
    elif kind is tuple:
        words = f"list of {len(arguments)}: {_words(arguments[0])}"
    elif kind is dict:
        words = f"by name: {_words(arguments[1])}"
    else:
        words = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}[annotation]
        if annotation in (int, float):
            words += _range(limits)
    return words


def _range(limits: Sequence[Any]) -> str:
    """Bounds in words, such as ` 2 to 64` and ` over 0, under 1`."""
    bounds = {name: getattr(limit, name) for limit in limits for name in BOUNDS if hasattr(limit, name)}
    if bounds.keys() == {"ge", "le"}:
        return f" {bounds['ge']} to {bounds['le']}"
    told = [f"{BOUNDS[name]} {'2⁶³' if bound == 2**63 else bound}" for name, bound in bounds.items()]
    return f" {', '.join(told)}" if told else ""


# The commands


def helps() -> dict[str, str]:
    """A section's beginning for each command, by its name; and `options`, which several commands share."""
    shared: dict[str, str] = {}
    sections: dict[str, str] = {}
    for name in commands.list_commands(CONTEXT):
        command = commands.get_command(CONTEXT, name)
        assert command is not None
        options = {param.opts[0]: _option(param) for param in command.params if isinstance(param, click.Option)}
        shared |= {option: told for option, told in options.items() if option in SHARED}
        own = [told for option, told in options.items() if option not in SHARED]
        text, examples = _help(command)
        usage = f"`dcgan {name} {' '.join(_usage(param) for param in command.params)}`"
        parts = [usage, text, "\n".join(own), f"```\n{examples}\n```"]
        sections[f"dcgan {name}"] = "\n\n".join(part for part in parts if part and part != "```\n\n```")
    told = [*shared.values(), "- `-h`, `--help`: Show the help and stop."]
    return sections | {"options": "\n".join(told)}


def _usage(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        return param.make_metavar(CONTEXT)
    shown = _with_value(param)
    return shown if param.required else f"[{shown}]"


def _with_value(param: click.Parameter) -> str:
    """An option as it is given: `--out FILE`."""
    if getattr(param, "is_flag", False):
        return param.opts[0]
    return f"{param.opts[0]} {param.make_metavar(CONTEXT).strip('[]')}"


def _option(param: click.Option) -> str:
    default = ""
    if param.show_default and not param.is_flag:
        given = param.default if isinstance(param.default, tuple) else [param.default]
        default = f" Default: {', '.join(f'`{one}`' for one in given)}."
    return f"- `{_with_value(param)}`: {param.help}{default}"


def _help(command: click.Command) -> tuple[str, str]:
    """What a command's help says, as paragraphs, and its examples."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
    lines = [line.strip() for line in examples.splitlines() if line.startswith("  ")]
    return "\n\n".join(paragraphs), "\n".join(lines)


def main() -> None:
    """Write the parts into their pages."""
    for page in (JOB_FILE, COMMANDS):
        page.write_text(made(page), encoding="utf-8")


if __name__ == "__main__":
    main()
