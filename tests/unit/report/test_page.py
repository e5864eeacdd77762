"""The report: whole, self-contained, and every name in it only a name."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dcgan.report import page as module
from dcgan.report.page import render, write_report
from dcgan.report.sections import SECTIONS
from dcgan.report.sections.base import Section
from dcgan.run import history
from dcgan.run.records import UnlabelledFiles
from tests.records import changed
from tests.reports import NOTE, make_full, past_night
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
        self.text += " " if tag in ("td", "th", "dd") else ""  # cells stand apart

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_full(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module", params=["made", "full"])
def page(request: pytest.FixtureRequest) -> Tags:
    made = request.getfixturevalue(request.param)
    return Tags(render(made.run, made.config, made.outcome))


def test_class_names_are_text_and_no_markup(page: Tags) -> None:
    for label in (SCRIPT, UP, CAT):
        assert label in page.text
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "base")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_page_needs_nothing_but_itself(page: Tags) -> None:
    links = [
        attributes.get(name) or ""
        for _, attributes in page.tags
        for name in ("src", "srcset", "href")
        if name in attributes
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


def test_refused_class_is_told_with_its_reason(made: Made) -> None:
    page = Tags(render(made.run, made.config, made.outcome))
    assert made.outcome.classes["three"].reason in page.text


def test_images_without_labels_are_counted_apart(made: Made) -> None:
    beside = UnlabelledFiles(files=1234, accepted=1200, unused=4, reasons={"empty file": 10, "file too large": 20})
    catalogue = made.outcome.catalogue.model_copy(update={"unlabelled": beside})
    page = Tags(render(made.run, made.config, changed(made.outcome, catalogue=catalogue)))
    assert "1,234 files without labels: 1,200 accepted,\n30 quarantined." in page.text
    assert "without labels" not in Tags(render(made.run, made.config, made.outcome)).text


def test_withheld_images_are_made_and_not_released(tmp_path: Path) -> None:
    made = make_run(tmp_path, {CAT: "withheld"})
    source = render(made.run, made.config, made.outcome)
    units = ("asked", "made", "released")
    columns = [re.findall(rf'data-unit="{unit}">(\d+)<', source) for unit in units]
    totals, *of_classes = zip(*columns, strict=True)
    rows = dict(zip(made.outcome.classes, of_classes, strict=True))
    assert totals[1:] == (str(sum(MADE.values())), str(MADE[SCRIPT] + MADE[UP]))
    assert rows[CAT] == (str(MADE[CAT]), str(MADE[CAT]), "0")
    assert rows[UP] == (str(MADE[UP]),) * 3
    assert f"<dt>Images released</dt><dd>{MADE[SCRIPT] + MADE[UP]}</dd>" in source


def test_report_of_a_run_that_came_to_nothing_is_whole(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    failed = {
        label: changed(outcome, verdict="failed", reason="diverged <b>", accepted=0, evidence=None)
        for label, outcome in made.outcome.classes.items()
    }
    nothing = {"balanced_accuracy": None, "overall": None, "ending": "failed", "state": "Failed: no class ships"}
    write_report(made.run, made.config, changed(made.outcome, classes=failed, **nothing), tmp_path / "report.html")
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


def test_all_that_a_run_left_is_shown(full: Made) -> None:
    page = Tags(render(full.run, full.config, full.outcome))
    text = " ".join(page.text.split())
    for told in (
        "helps: balanced accuracy +3.0 points",
        "Mixup and up to 25% synthetic images 78.0 %",
        "Mixup and up to 25% synthetic images 0.0 ± 0.4 78.0 % ✓ measured",
        "0.02 ± 0.004 ceiling 0.001",
        "C_T near 0 is good",
        "\N{MINUS SIGN}4.5 ± 1",
        NOTE,
        "novel measure near 3 is good",
        "All classes 0.02 ± 0.004",
        "Features: judge, 64 dimensions.",
        f"Rare classes: {CAT}.",
        "Pairs training and held-out 2",
        f"Held-out images not counted {UP}: 1 of {full.outcome.classes[UP].holdout}, {CAT}: 2 of ",
        f"a/<1>.png {CAT}, train a/<1>.png {CAT}, holdout 0.01",
        "diverged at step 20 (losses <i>nan</i>)",
        "2 rejected: blank",
        f"Watch the training of {CAT}",
        f"{CAT}, step 20 ships",
        "20260104-020000 400 1 of 2 64.0 % 66.0 % 1 h 30 min Completed",
        "Failed: no images",
    ):
        assert told in text


def test_what_a_run_has_not_is_left_out(made: Made) -> None:
    page = Tags(render(made.run, made.config, made.outcome))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {"classes", "images", "training", "nights"} <= ids
    assert not {"use", "measures", "leakage"} & ids
    assert "This is the job’s first finished run." in page.text
    assert "Watch the training" not in page.text and "Rejected candidates" not in page.text


def test_a_section_that_is_named_is_on_the_page_and_in_its_navigation(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def section(anchor: str, view: dict[str, object] | None) -> Section:
        template = "<p>{{ of_view }}, {{ classes | length }} classes</p>\n"
        return Section(anchor=anchor, title=f"The {anchor}", template=template, view=lambda _: view)

    added = (section("novel", {"of_view": "a <b> & c"}), section("empty", None))
    monkeypatch.setattr(module, "SECTIONS", (*added, *SECTIONS))
    source = render(made.run, made.config, made.outcome)
    heading = '<h2 id="novel">The novel</h2>'
    count = len(made.outcome.classes)
    assert f'<section aria-labelledby="novel">\n{heading}\n<p>a &lt;b&gt; &amp; c, {count} classes</p>' in source
    assert '<a href="#novel">The novel</a>' in source and source.index(heading) < source.index('<h2 id="classes">')
    assert "empty" not in {attributes.get("id") for _, attributes in Tags(source).tags}
    assert "#empty" not in source


def test_night_itself_is_counted_once(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    history.append(made.run.job, past_night(1))
    before = render(made.run, made.config, made.outcome)
    history.append(made.run.job, history.night_of(made.outcome))
    assert "Night by night (2 of 2)" in before
    assert render(made.run, made.config, made.outcome) == before


def test_pictures_of_too_many_classes_are_left_out(full: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PICTURED", 1)
    page = Tags(render(full.run, full.config, full.outcome))
    assert "Pictures of the other classes are in the run’s folder." in " ".join(page.text.split())
    pictured = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    [first, *others] = full.outcome.classes
    assert any(first in (alt or "") for alt in pictured)
    assert not any(label in (alt or "") for alt in pictured for label in others)
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {f"class-{number}" for number in range(len(full.outcome.classes))} <= ids


def test_config_is_shown_as_yaml_and_escaped(made: Made) -> None:
    source = render(made.run, made.config, made.outcome)
    [config] = re.findall(r"<pre[^>]*>(.*?)</pre>", source, re.DOTALL)
    assert "name: odd" in config and "<" not in config
    assert "policy: no_harm" in html.unescape(config)
