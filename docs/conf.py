"""How Sphinx makes the site of the documentation: `make docs`.

The pages are read where they are, from the repository's root, so that their links hold on GitHub and on the site.
"""

from importlib import metadata
from typing import Any

from sphinx.application import Sphinx

project = "dcgan-augment"
release = metadata.version(project)
root_doc = "README"
include_patterns = ["*.md", "benchmarks/*.md", "docs/*.md", "docs/**/*.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4
myst_links_external_new_tab = False

default_role = "code"  # docstrings mark code with single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"exclude-members": "model_config"}
napoleon_use_rtype = False

html_theme = "furo"
html_favicon = "_site/icon.svg"
html_title = f"dcgan-augment {release}"
html_copy_source = False
html_show_sourcelink = False
html_additional_pages = {"index": "to-the-first-page.html"}
templates_path = ["_site"]

# The folders of docs/, as the site's navigation has them. On GitHub, docs/README.md leads there.
NAVIGATION = {
    "Begin": ["docs/README", "docs/tutorial"],
    "How to": [
        "docs/how-to/own-images",
        "docs/how-to/use-a-release",
        "docs/how-to/schedule",
        "docs/how-to/operate",
        "docs/how-to/object-storage",
        "docs/how-to/cluster",
        "docs/how-to/resume-and-recover",
        "docs/how-to/troubleshooting",
    ],
    "Reference": [
        "docs/reference/job-file",
        "docs/reference/commands",
        "docs/reference/python",
        "docs/reference/input",
        "docs/reference/release",
        "docs/reference/measures",
        "docs/reference/glossary",
    ],
    "Explanation": [
        "docs/explanation/design",
        "docs/explanation/training",
        "docs/explanation/split-and-gate",
        "docs/explanation/speed",
        "docs/explanation/nights",
        "docs/scaling",
        "docs/reliability",
        "docs/security",
    ],
    "Figures": ["benchmarks/RESULTS", "benchmarks/TRIALS", "benchmarks/HISTORY", "benchmarks/README"],
    "Contribute": [
        "CONTRIBUTING",
        "docs/contributing/architecture",
        "docs/contributing/packaging",
        "SECURITY",
        "CHANGELOG",
    ],
}


def add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put the navigation below the first page, where a reader of the file does not see it."""
    if name == root_doc:
        for caption, pages in NAVIGATION.items():
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *(f"/{page}" for page in pages), "```"]
            source[0] += "\n" + "\n".join(lines) + "\n"


def mend_for_readers(_app: Sphinx, _name: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """What WCAG asks for and the theme leaves out: a heading's level, and code that scrolls by keyboard."""
    navigation = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')
    context["body"] = context.get("body", "").replace("<pre>", '<pre tabindex="0">')


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_navigation)
    app.connect("html-page-context", mend_for_readers, priority=900)  # after the theme
