"""A real browser, Debian's Chromium, and the reports that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from dcgan.report import write_report
from tests.records import changed
from tests.reports import make_full
from tests.unit.conftest import make_run

CHROMIUM = shutil.which("chromium")
REBOUND = "rebound.test"
"""A host that somebody else names, and has point to this machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for no longer than it is needed: Playwright's event loop goes on in this thread until then."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium, or `make test` as root on Debian")
    with sync_playwright() as playwright:
        # Root, as in a container, may not have Chromium's sandbox; the pages are our own.
        options = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def full_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of all that a report can show."""
    made = make_full(tmp_path_factory.mktemp("full"))
    write_report(made.run, made.config, made.outcome, made.run.report)
    return made.run.report


@pytest.fixture(scope="session")
def bare_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run that came to nothing."""
    made = make_run(tmp_path_factory.mktemp("bare"))
    classes = {
        label: changed(outcome, verdict="failed", reason="diverged", accepted=0, evidence=None)
        for label, outcome in made.outcome.classes.items()
    }
    nothing = {"balanced_accuracy": None, "overall": None, "ending": "failed", "state": "Failed: no class ships"}
    write_report(made.run, made.config, changed(made.outcome, classes=classes, **nothing), made.run.report)
    return made.run.report


@dataclass
class Opened:
    """A page, and all that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass
class Opener:
    """Opens reports in windows of its own."""

    browser: Browser

    def __call__(
        self, report: Path, *, width: int = 1280, dark: bool = False, still: bool = False, height: int = 900
    ) -> Opened:
        """Open a report.

        Args:
            report: file.
            width: of the window, px.
            dark: whether the reader prefers dark pages.
            still: whether the reader prefers reduced motion.
            height: of the window, px.
        """
        page = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
        ).new_page()
        opened = Opened(page)

        def hear(message: ConsoleMessage) -> None:
            opened.said.append(f"{message.type}: {message.text}")

        def note(request: Request) -> None:
            opened.requests.append(request.url)

        def dismiss(dialog: Dialog) -> None:
            opened.said.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", hear)
        page.on("pageerror", lambda error: opened.said.append(f"page error: {error}"))
        page.on("dialog", dismiss)
        page.on("request", note)
        page.goto(report.as_uri())
        return opened


@pytest.fixture
def open_report(browser: Browser) -> Iterator[Opener]:
    """Open a report; its windows are closed after the test."""
    yield Opener(browser)
    for context in browser.contexts:
        context.close()
