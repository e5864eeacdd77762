"""The report in a real browser: it shows what it should, runs and asks for nothing, and everyone can read it."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from dcgan.report import write_report
from tests.browser.conftest import Opener
from tests.records import changed
from tests.unit.conftest import CAT, SCRIPT, UP, make_run

PHONE = 360  # px


@pytest.fixture(params=["full_report", "bare_report"])
def report(request: pytest.FixtureRequest) -> Path:
    file: Path = request.getfixturevalue(request.param)
    return file


def test_page_says_nothing_on_the_console_and_asks_for_nothing(open_report: Opener, report: Path) -> None:
    opened = open_report(report)
    for details in opened.page.locator("details").all():
        details.locator("summary").click()
    opened.page.wait_for_load_state("networkidle")
    assert opened.said == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [report.as_uri()]


def test_every_picture_is_drawn(open_report: Opener, full_report: Path) -> None:
    page = open_report(full_report).page
    for details in page.locator("details").all():
        details.locator("summary").click()
    blank = page.evaluate(
        """async () => {
            const images = [...document.images];
            await Promise.all(images.map(image => image.decode().catch(() => null)));
            return images.filter(image => !image.naturalWidth).map(image => image.alt);
        }"""
    )
    assert page.locator("img").count() >= 3 * 5 and blank == []


def test_answer_and_verdicts_are_on_the_first_screen(open_report: Opener, full_report: Path) -> None:
    page = open_report(full_report).page
    expect(page.get_by_text("Worth training on: balanced accuracy is shown to rise")).to_be_in_viewport()
    expect(page.get_by_role("banner").get_by_text("Classes shipped")).to_be_in_viewport()
    rows = page.get_by_role("table").first.get_by_role("row")
    for label, verdict in ((SCRIPT, "Shipped"), (UP, "Shipped"), (CAT, "Withheld"), ("three", "Refused")):
        row = rows.filter(has=page.get_by_role("rowheader", name=label, exact=True))
        expect(row.get_by_text(verdict, exact=True)).to_be_visible()


def test_class_that_is_short_is_told_so_with_its_numbers(open_report: Opener, tmp_path: Path) -> None:
    made = make_run(tmp_path, short={CAT})
    write_report(made.run, made.config, made.outcome, tmp_path / "report.html")
    page = open_report(tmp_path / "report.html", width=PHONE).page
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=CAT, exact=True))
    expect(row.get_by_text("Short", exact=True)).to_be_visible()
    expect(row.get_by_text("accepted 3 of 7 in 140 tries (rejected: 137 duplicate)")).to_be_visible()
    expect(page.get_by_text("3 synthetic, not in the release")).to_be_visible()
    assert Axe().run(page).violations_count == 0


def test_class_named_like_a_script_is_only_a_name(open_report: Opener, full_report: Path) -> None:
    opened = open_report(full_report)
    expect(opened.page.get_by_role("heading", name=SCRIPT)).to_be_visible()
    assert opened.page.locator("script").count() == 0
    assert not [line for line in opened.said if line.startswith("dialog")]


@pytest.mark.parametrize("width", [PHONE, 700, 1280])
def test_page_does_not_scroll_sideways(open_report: Opener, report: Path, width: int) -> None:
    page = open_report(report, width=width).page
    for details in page.locator("details").all():
        details.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_long_name_of_a_class_widens_nothing(open_report: Opener, tmp_path: Path, width: int) -> None:
    made = make_run(tmp_path)
    long = {"x" * 200 if label == CAT else label: entry for label, entry in made.outcome.classes.items()}
    write_report(made.run, made.config, changed(made.outcome, classes=long), tmp_path / "report.html")
    page = open_report(tmp_path / "report.html", width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [PHONE, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(open_report: Opener, report: Path, width: int, dark: bool) -> None:
    page = open_report(report, width=width, dark=dark).page
    for details in page.locator("details").all():
        details.locator("summary").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}


def test_dark_page_is_dark_with_its_figures(open_report: Opener, full_report: Path) -> None:
    """A figure is drawn in the reader's colours: its axes are light on a dark page."""

    def darkest_and_lightest(dark: bool) -> tuple[int, int]:
        page = open_report(full_report, dark=dark).page
        figure = page.locator(".multiples img").first
        figure.scroll_into_view_if_needed()
        with Image.open(io.BytesIO(figure.screenshot())) as shot:
            values = np.asarray(shot.convert("L"))
        return int(values.min()), int(values.max())

    darkest, lightest = darkest_and_lightest(dark=False)
    assert lightest > 240 and darkest < 120
    darkest, lightest = darkest_and_lightest(dark=True)
    assert darkest < 40 and 150 < lightest < 240


def test_timelapse_moves_only_for_those_who_want_it(open_report: Opener, full_report: Path) -> None:
    sources = []
    for still in (False, True):
        page = open_report(full_report, still=still).page
        folded = page.locator("details").filter(has_text=f"Watch the training of {SCRIPT}")
        image = folded.locator("img")
        expect(image).not_to_be_visible()  # nor does it move before it is opened
        folded.locator("summary").click()
        expect(image).to_be_visible()
        image.evaluate("image => image.decode()")
        sources.append((image.evaluate("image => image.currentSrc"), image.get_attribute("src")))
    (moving, given), (resting, same) = sources
    assert moving == given == same and resting != given


def test_keyboard_reaches_and_opens_all_that_is_folded(open_report: Opener, full_report: Path) -> None:
    page = open_report(full_report).page
    folded = page.locator("summary").all_inner_texts()
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        tag, text, outline = page.evaluate(
            "[document.activeElement.tagName, document.activeElement.innerText,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if tag == "BODY":  # once through
            break
        assert outline == "solid"  # it shows where it is
        if tag == "SUMMARY":
            reached.append(text)
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.parentElement.open")
    assert reached == folded and len(folded) > 5


def test_landmarks_and_headings_are_in_order(open_report: Opener, report: Path) -> None:
    page = open_report(report).page
    for role in ("banner", "main", "contentinfo", "navigation"):
        assert page.get_by_role(role).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(heading => +heading.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
