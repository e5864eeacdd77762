"""The reference names every key, command, option, column and reason that there is, and nothing that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dcgan.cli.main import commands as command_line
from dcgan.config import JobConfig
from dcgan.curation import filters
from dcgan.data import leakage
from dcgan.data.catalogue import inspection, opening, sources
from dcgan.data.split import MIN_TRAIN
from dcgan.evaluation import frechet, gan_train_test, gate, kid, measures, prdc
from dcgan.release.manifest import COLUMNS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
CONTEXT = click.Context(command_line)
COMMANDS = {name: command_line.get_command(CONTEXT, name) for name in command_line.list_commands(CONTEXT)}
MADE_ELSEWHERE = ("benchmarks/", "docs/images/")  # by a benchmark's run and from a demo's run


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key of the job file that holds a value, with its default as YAML has it."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        elif field.default is PydanticUndefined:
            yield f"{prefix}{name}", "required"
        else:
            yield f"{prefix}{name}", yaml.safe_dump(field.default, default_flow_style=True).splitlines()[0]


def first_cells(page: Path, columns: int) -> list[list[str]]:
    """The first cells of each row of a page's tables, code marks taken off; of rows that begin with code."""
    rows = (line.split(" | ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `"))
    return [[cell.strip("|` ") for cell in row[:columns]] for row in rows]


def test_job_file_has_every_key_with_its_default() -> None:
    documented = dict(first_cells(DOCS / "reference/job-file.md", 2))
    assert documented == dict(keys(JobConfig))


def test_commands_has_every_command() -> None:
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## dcgan (\S+)$", text, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_no_command_that_there_is_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^|bin/)dcgan ([a-z]+)", text, re.MULTILINE)) <= set(COMMANDS)


def test_helps_and_messages_name_no_command_that_there_is_not() -> None:
    helps = [command.get_help(click.Context(command)) for command in (command_line, *COMMANDS.values())]
    sources = [file.read_text(encoding="utf-8") for name in ("dcgan", "flows") for file in (ROOT / name).rglob("*.py")]
    named = re.findall(r"(?:`|^|: |  )dcgan ([a-z]+)", "\n".join(helps + sources), re.MULTILINE)
    assert {"run", "check", "serve"} <= set(named) <= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands_has_every_option(name: str) -> None:
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    section = text.partition(f"## dcgan {name}\n")[2].partition("\n## ")[0]
    usage = section.strip().splitlines()[0]
    shared = text.partition("## Options that several commands share")[2].partition("\n## ")[0]
    params: list[Any] = COMMANDS[name].params
    for param in params:
        if isinstance(param, click.Argument):
            assert param.make_metavar(CONTEXT).strip("[]") in usage
            continue
        [option] = param.opts
        assert option in usage
        assert f"- `{option}" in section or f"- `{option}" in shared, f"{option} is not explained"
        if isinstance(param.default, str | Path):
            assert f"Default: `{param.default}`" in section
    known = {option for param in params for option in param.opts if option.startswith("--")}
    assert set(re.findall(r"--[a-z-]+", usage)) == known


def test_release_has_every_column_of_the_manifest() -> None:
    text = (DOCS / "reference/release.md").read_text(encoding="utf-8")
    table = text.partition("## Manifest")[2].partition("## release.json")[0]
    rows = "\n".join(line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    assert re.findall(r"`(\w+)`", rows) == COLUMNS


def test_input_has_every_reason_for_quarantine() -> None:
    text = (DOCS / "reference/input.md").read_text(encoding="utf-8")
    table = text.partition("## Reasons for quarantine")[2].partition("\n## ")[0]
    told = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    verdicts = {opening.ACCEPTED, opening.QUARANTINED, inspection.UNUSED}
    reasons = {
        value
        for module in (inspection, opening, sources)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and value not in verdicts
    }
    assert told == reasons


def test_measures_has_every_metric_in_its_order_with_its_goal() -> None:
    goals = {"minimize": "lower", "maximize": "higher"}
    documented = dict(first_cells(DOCS / "reference/measures.md", 2)[: len(measures.METRICS)])
    assert list(documented) == [metric.name for metric in measures.METRICS]
    for metric in measures.METRICS:
        goal = f"{metric.goal:g}" if isinstance(metric.goal, float) else goals[metric.goal]
        assert documented[metric.name] == goal


def test_limits_of_measures_are_those_of_the_code() -> None:
    text = " ".join((DOCS / "reference/measures.md").read_text(encoding="utf-8").split())
    for told in (
        f"Mean over {kid.NUM_SUBSETS} random subsets",
        f"fewer than {kid.MIN_IMAGES} images of either kind",
        f"below {frechet.UNBIASED_FROM:,} images",
        f"{prdc.NEIGHBOURS} images or fewer of any kind",
        f"{measures.MAX_POOLED:,} of a kind at most",
        f"take {gan_train_test.MAX_STEPS} steps",
        f"{leakage.MAX_LISTED} pairs, the nearest first",
        f"differ in at most {leakage.MAX_BITS} bits",
        f"is under {leakage.NEAR} times what is usual",
    ):
        assert told in text
    assert leakage.USUAL_AMONG == 20  # "the nearest of twenty images"


def test_limits_are_those_of_the_code() -> None:
    limits = " ".join((DOCS / "reference/input.md").read_text(encoding="utf-8").partition("## Limits")[2].split())
    for told in (
        f"training images of a class | at least {MIN_TRAIN}",
        f"held-out images of a class | at least {gate.MIN_HOLDOUT}",
        f"without `data.image_size` | {inspection.MAX_ODD_SHARE:.0%}".replace("%", " %"),
        f"quarantined files named in `dcgan check` and the report | {inspection.MAX_EXAMPLES}",
    ):
        assert told in limits
    assert filters.BLANK_SHARE == 0.25  # "a quarter", in docs/explanation/split-and-gate.md


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if file.relative_to(ROOT).as_posix().startswith(MADE_ELSEWHERE):
            continue
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in headings}, target
