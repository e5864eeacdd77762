"""The pages name every key, command, option, column and reason that exists, and nothing that does not.

What is made from the code is made again, and compared.

What they quote of the program, its messages and its output, is found among the strings of the code.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dcgan.cli.main import commands as command_line
from dcgan.curation.filters.blank import BLANK_SHARE
from dcgan.data import leakage
from dcgan.data.catalogue import inspection, reasons, verdicts
from dcgan.data.split import MIN_TRAIN
from dcgan.evaluation import measures
from dcgan.evaluation.metrics import METRICS, frechet, gan_train_test, kid, prdc, vendi
from dcgan.release.manifest import COLUMNS
from dcgan.run.proof import MIN_HOLDOUT
from tests import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONTEXT = click.Context(command_line)
NAMES = command_line.list_commands(CONTEXT)
COMMANDS = {name: command for name in NAMES if (command := command_line.get_command(CONTEXT, name))}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "benchmarks").glob("*.md"))]
MADE_ELSEWHERE = ("docs/images/",)  # from a demo's run

VALUE = "\0"  # in the pattern of a string of the code: a value that is put in
MIN_LETTERS = 7  # of a message that a string of the code must account for,
MIN_SHARE = 0.5  # or such a share of its letters; of a quoted message both
PROGRAMS = {"aws", "dcgan", "make", "pip", "prefect", "python", "sha256sum", "systemctl"}
OTHERS = {  # what Prefect and PostgreSQL say, and what is an example
    "401 Unauthorized",
    "Area: what is so now",
    "CREATE EXTENSION pg_trgm",
    "Concurrency lease renewal failed",
    "Missing CSRF token",
    "database is locked",
    "tzinfo must be of type ZoneInfo",
}
COMPOSED = {  # messages that the code puts together from several strings, and those
    "Completed: 2 classes withheld (3, 7)": ("Completed", "withheld"),
    "class 3 was not generated yet: dcgan generate job.yaml --class 3": (
        "class \0 was not",
        "generated",
        " yet: dcgan ",
    ),
    "training 3: 250 of 500 steps, 1,204 images/s loss D 0.61 G 0.74 0:20 left": (": \0 of ", "loss D \0 G ", " left"),
    "withheld (87 images)": ("withheld", "\0 (\0)"),
}


def first_cells(page: Path, columns: int) -> list[list[str]]:
    """The first cells of each row of a page's tables, code marks taken off; of rows that begin with code."""
    rows = (line.split(" | ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `"))
    return [[cell.strip("|` ") for cell in row[:columns]] for row in rows]


@pytest.mark.parametrize("page", [reference.JOB_FILE, reference.COMMANDS], ids=lambda page: page.name)
def test_parts_of_the_reference_that_are_made_from_the_code_are_as_it_is(page: Path) -> None:
    """Else run `python -m tests.reference`."""
    assert page.read_text(encoding="utf-8") == reference.made(page)


def test_a_key_of_the_job_file_says_what_it_may_be_set_to() -> None:
    lines = [line for table in reference.keys().values() for line in table.splitlines() if line.startswith("| `")]
    rows = {line.split("`")[1]: line for line in lines}
    assert "| whole number 4 to 256 |" in rows["training.width"]
    assert "| `null` | `false` or by name: text or list of text |" in rows["data.splits"]
    assert "| required | text |" in rows["data.source"] and "| number over 0, under 1 or text |" in rows["data.holdout"]
    assert all(row.endswith(". |") for row in rows.values())


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_no_command_that_there_is_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^|bin/)dcgan ([a-z]+)", text, re.MULTILINE)) <= set(COMMANDS)


def test_helps_and_messages_name_no_command_that_there_is_not() -> None:
    helps = [command.get_help(click.Context(command)) for command in (command_line, *COMMANDS.values())]
    sources = [file.read_text(encoding="utf-8") for name in ("dcgan", "flows") for file in (ROOT / name).rglob("*.py")]
    named = re.findall(r"(?:`|^|: |  )dcgan ([a-z]+)", "\n".join(helps + sources), re.MULTILINE)
    assert {"run", "check", "serve"} <= set(named) <= set(COMMANDS)


def test_release_has_every_column_of_the_manifest() -> None:
    text = (DOCS / "reference/release.md").read_text(encoding="utf-8")
    table = text.partition("## Manifest")[2].partition("## release.json")[0]
    rows = "\n".join(line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    assert re.findall(r"`(\w+)`", rows) == COLUMNS


def test_input_has_every_reason_for_quarantine() -> None:
    text = (DOCS / "reference/input.md").read_text(encoding="utf-8")
    table = text.partition("## Reasons for quarantine")[2].partition("\n## ")[0]
    told = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert told == {value for name, value in vars(reasons).items() if name.isupper()}


def test_measures_has_every_metric_in_its_order_with_its_goal() -> None:
    goals = {"minimize": "lower", "maximize": "higher"}
    documented = dict(first_cells(DOCS / "reference/measures.md", 2)[: len(METRICS)])
    assert list(documented) == [metric.name for metric in METRICS]
    for metric in METRICS:
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
        f"as many synthetic as training images, {vendi.MAX_IMAGES} at most",
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
        f"held-out images of a class | at least {MIN_HOLDOUT}",
        f"without `data.image_size` | {verdicts.MAX_ODD_SHARE:.0%}".replace("%", " %"),
        f"quarantined files named in `dcgan check` and the report | {inspection.MAX_EXAMPLES}",
    ):
        assert told in limits
    assert BLANK_SHARE == 0.25  # "a quarter", in docs/explanation/split-and-gate.md


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_no_file_of_the_code_that_there_is_not(page: Path) -> None:
    for named in re.findall(r"`((?:dcgan|flows)/[\w./]*)`", page.read_text(encoding="utf-8")):
        assert (ROOT / named).exists(), f"{named} does not exist"


def test_architecture_has_every_room() -> None:
    rooms = {f"dcgan/{file.parent.name}/" for file in (ROOT / "dcgan").glob("*/__init__.py")} - {"dcgan/flows/"}
    rooms.add("flows/")  # to which dcgan/flows/ is a link
    cells = first_cells(DOCS / "contributing/architecture.md", 1)
    assert {cell for [cell] in cells if cell.endswith("/")} == rooms


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_messages_that_pages_quote_are_in_the_code(page: Path) -> None:
    for message in quoted(page):
        if pieces := COMPOSED.get(message):
            missing = [piece for piece in pieces if not any(piece in pattern for pattern in patterns())]
            assert not missing, f"{message!r}: the code has no string with {missing}"
            continue
        for part in message.split("..."):
            assert is_said(part.strip(" ,:;"), embedded=False), f"{message!r} is said nowhere in dcgan/ and flows/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_output_that_pages_show_is_in_the_code(page: Path) -> None:
    for block in re.findall(r"^```text\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in filter(str.strip, block.splitlines()):
            if line == "..." or line[0] in "┏┡└┃│":  # left out, or a table
                continue
            assert is_said(line.strip(), embedded=True), f"{line!r} is said nowhere in dcgan/ and flows/"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accepted 1 of 87 in 1,740 tries (rejected: 1,739 duplicate)", True),
        ("accepted 1 of 87 within 1,740 tries (rejected: 1,739 duplicate)", False),
        ("this job is being run by another process", True),
        ("this job is being run by some other process", False),
        ("training diverged once too often", True),
        ("training diverged too often", False),
    ],
)
def test_a_message_that_differs_from_the_code_is_noticed(text: str, said: bool) -> None:
    assert is_said(text, embedded=False) == said


def quoted(page: Path) -> Iterator[str]:
    """What a page marks as code and is a message: three words or more that are no command, no setting and no code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        words = span.split()
        is_code = span.startswith(("--", "(")) or re.search(r"[=<>{}\[\]*]", span) or words[0] in PROGRAMS
        if len(words) >= 3 and not is_code and " ".join(words) not in OTHERS:
            yield " ".join(words)


@functools.cache
def patterns() -> list[str]:
    """Every string of the code but docstrings, with `VALUE` for what is put in and single spaces."""
    found = set()
    for file in (file for name in ("dcgan", "flows") for file in (ROOT / name).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found.add(node.value)
    return sorted(re.sub(r"\s+", " ", pattern) for pattern in found)


def is_said(text: str, *, embedded: bool) -> bool:
    """Whether a text is what a string of the code can become, or a part of that.

    Args:
        text: of a page, a line at most.
        embedded: whether other text may stand before and after what the string becomes. Then fewer letters of it must
            be the string's own.
    """
    text = re.sub(r"\s+", " ", text)
    letters = sum(map(str.isalpha, text))
    if not letters:
        return True
    words = set(re.findall(r"[^\W\d]{3,}", text))
    for pattern in patterns():
        if words and words.isdisjoint(re.findall(r"[^\W\d]{3,}", pattern)):
            continue
        own = own_letters(text, f"{VALUE}{pattern}{VALUE}" if embedded else pattern)
        if own >= MIN_SHARE * letters or (embedded and own >= MIN_LETTERS):
            return True
    return False


def own_letters(text: str, pattern: str) -> int:
    """How many letters of a text are a pattern's own, at best; -1 where the text is no part of what it can become."""
    best = dict.fromkeys(range(len(pattern) + 1), 0)  # by place in the pattern: a part may begin anywhere
    for character in text:
        after: dict[int, int] = {}
        for place, count in sorted(best.items()):
            if place == len(pattern):
                continue
            steps = [(place, count)] if pattern[place] == VALUE else []
            if pattern[place] == VALUE:  # the value may have ended before this character
                beyond = place + len(pattern[place:]) - len(pattern[place:].lstrip(VALUE))
                if beyond < len(pattern) and pattern[beyond] == character:
                    steps.append((beyond + 1, count + character.isalpha()))
            elif pattern[place] == character:
                steps.append((place + 1, count + character.isalpha()))
            for reached, total in steps:
                after[reached] = max(after.get(reached, -1), total)
        best = after
    return max(best.values(), default=-1)
