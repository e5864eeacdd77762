"""The report: whole, self-contained, and every name in it only a name."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dcgan.report.page import duration, headline, moment, points, render, write_report
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, Made, make_run


class Tags(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(made: Made) -> Tags:
    return Tags(render(made.run, made.config, made.outcome))


def test_class_names_are_text_and_no_markup(page: Tags) -> None:
    for label in (SCRIPT, UP, CAT):
        assert label in page.text
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "base")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_page_needs_nothing_but_itself(page: Tags) -> None:
    links = [
        attributes.get(name) or "" for _, attributes in page.tags for name in ("src", "href") if name in attributes
    ]
    assert links and all(link.startswith(("#", "data:")) for link in links)


def test_every_link_within_the_page_has_its_target_and_ids_are_unique(page: Tags) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)


def test_every_picture_has_words(page: Tags) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) >= 2 * 3 and all(attributes.get("alt") for attributes in pictures)


def test_refused_class_is_told_with_its_reason(page: Tags, made: Made) -> None:
    assert made.outcome["classes"]["three"]["reason"] in page.text


def test_withheld_images_are_made_and_not_released(tmp_path: Path) -> None:
    made = make_run(tmp_path, {CAT: "withheld"})
    source = render(made.run, made.config, made.outcome)
    units = ("asked", "made", "released")
    columns = [re.findall(rf'data-unit="{unit}">(\d+)<', source) for unit in units]
    rows = dict(zip(made.outcome["classes"], zip(*columns, strict=True), strict=True))
    assert rows[CAT] == (str(MADE[CAT]), str(MADE[CAT]), "0")
    assert rows[UP] == (str(MADE[UP]),) * 3
    assert f"{MADE[SCRIPT] + MADE[UP]} synthetic images are released" in source


def test_report_of_a_run_that_came_to_nothing_is_whole(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    failed = {
        label: entry | {"verdict": "failed", "reason": "diverged <b>", "accepted": 0, "measures": {}}
        for label, entry in made.outcome["classes"].items()
    }
    outcome = made.outcome | {"classes": failed, "balanced_accuracy": None, "state": "Failed: no class ships"}
    write_report(made.run, made.config, outcome, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing to train on: no class ships." in page
    assert "diverged &lt;b&gt;" in page and "</html>" in page


def test_losses_are_drawn_up_to_the_line_at_which_a_process_died(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    rows = [json.dumps({"step": n, "d_loss": 1.0 / n, "g_loss": n}) for n in (1, 2)]
    (made.run.training(CAT) / "training.jsonl").write_text("\n".join([*rows, '{"step": 3, "d_lo']))
    source = render(made.run, made.config, made.outcome)
    assert render(made.run, made.config, made.outcome) == source  # the same run gives the same page
    page = Tags(source)
    [alt] = [attributes["alt"] for tag, attributes in page.tags if tag == "img" and attributes.get("width") == "240"]
    assert alt is not None and CAT in alt and "at step 2" in alt


@pytest.mark.parametrize(
    ("effects", "told"),
    [
        ([], "Nothing to train on"),
        (["helps", "harms"], "Think twice: recall is shown to fall in 1 of 2 shipped classes"),
        (["helps", "no difference shown"], "Worth training on: recall is shown to rise in 1 of 2 shipped classes"),
        (["no difference shown"], "No gain shown: in 1 shipped class"),
        (["no verdict"], "Untested"),
    ],
)
def test_headline_is_the_answer_and_harm_goes_first(effects: list[str], told: str) -> None:
    classes: list[dict[str, Any]] = [{"verdict": "shipped", "effect": effect} for effect in effects]
    assert headline([*classes, {"verdict": "withheld", "effect": "harms"}]).startswith(told)


def test_figures_are_for_people() -> None:
    assert (points(0.03), points(-0.125), points(0)) == ("+3.0", "\N{MINUS SIGN}12.5", "+0.0")
    assert [duration(seconds) for seconds in (None, 4.21, 185, 7800)] == ["–", "4.2 s", "3 min 05 s", "2 h 10 min"]
    assert moment("2024-05-01T02:00:00+00:00") == "01 May 2024, 02:00 UTC"
    assert (moment("soon"), moment(None)) == ("soon", "unknown")


def test_config_is_shown_as_yaml_and_escaped(made: Made) -> None:
    source = render(made.run, made.config, made.outcome)
    [config] = re.findall(r"<pre[^>]*>(.*?)</pre>", source, re.DOTALL)
    assert "name: odd" in config and "<" not in config
    assert "policy: no_harm" in html.unescape(config)
