"""The documentation as a site: it is made without a warning, its links hold, and a phone shows it too."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
PHONE = 360  # px
READ_BY_AXE = ("README", "docs/reference/python")  # pictures, tables and code; signatures


class Links(HTMLParser):
    """What a page can be asked for by, and what it leads to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` makes it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-c", str(ROOT / "docs")]
    done = subprocess.run([*command, str(ROOT), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Links]:
    """Every page by its name, without `.html`."""
    return {page.relative_to(site).with_suffix("").as_posix(): Links(page) for page in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": PHONE, "height": 800})
    yield context.new_page()
    context.close()


def test_every_page_of_the_documentation_is_there(pages: dict[str, Links]) -> None:
    written = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written | {"index", "README", "CONTRIBUTING", "CHANGELOG", "benchmarks/RESULTS"} <= set(pages)


def test_every_link_leads_somewhere(site: Path, pages: dict[str, Links]) -> None:
    broken = []
    for name, links in pages.items():
        for target in links.targets:
            path, anchor = urldefrag(unquote(target))
            if "://" in path or path.startswith(("data:", "mailto:")):
                continue
            file = (site / f"{name}.html").parent / path.partition("?")[0] if path else site / f"{name}.html"
            other = pages.get(file.resolve().relative_to(site).with_suffix("").as_posix())
            if not file.exists() or (anchor and other is not None and anchor not in other.ids):
                broken.append(f"{name}: {target}")
    assert broken == [] and sum(len(links.targets) for links in pages.values()) > 1000


def test_no_page_fetches_anything_from_elsewhere(page: Page, address: str, pages: dict[str, Links]) -> None:
    """And none is wider than a phone, or has a picture that cannot be drawn."""
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for name in pages.keys() - {"index"}:  # which leads on at once
        page.goto(f"{address}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, name
        blank = "Promise.all([...document.images].map(image => image.decode().then(() => '', () => image.src)))"
        assert not any(page.evaluate(blank)), name
    assert [url for url in asked if not url.startswith((address, "data:"))] == [] and said == []


def test_first_page_is_the_readme(page: Page, address: str) -> None:
    page.goto(f"{address}/")
    expect(page.get_by_role("heading", name="dcgan-augment", exact=False).first).to_be_visible()
    expect(page).to_have_url(f"{address}/README.html")


def test_search_finds_a_key_of_the_job_file(page: Page, address: str) -> None:
    page.goto(f"{address}/search.html?q=snapshot_seconds")
    expect(page.get_by_role("link", name="Job file").last).to_be_visible()


@pytest.mark.parametrize("name", READ_BY_AXE)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_against_wcag(page: Page, address: str, name: str, dark: bool) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto(f"{address}/{name}.html")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}
