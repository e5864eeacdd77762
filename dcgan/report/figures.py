"""Figures of the report, as data URIs: grids of images, curves of the trainings, and the trend of the nights.

No class name is drawn: names stand beside the pictures, as text that HTML escapes and every font can show.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from dcgan.files import pictures
from dcgan.report.journals import Journal
from dcgan.run.history import Night

GRID_COLUMNS = 8
MAX_SHOWN_SIDE = 64  # px; larger images are shown smaller
MAX_PNG_SIDE = 32  # px; larger images are shown as WebP: the page should open at once, and fit into a mail
MAX_NIGHTS = 60  # that the trend shows

# Drawn in colours that nothing else has, each of which becomes one for a light page and one for a dark page. Blue and
# vermillion are Okabe and Ito's, told apart by colour-blind eyes; each is 3:1 or more against its page.
FOREGROUND, BLUE, ORANGE = "#010203", "#010204", "#010205"
COLORS = {FOREGROUND: ("#4a5158", "#b4bcc4"), BLUE: ("#0072b2", "#56b4e9"), ORANGE: ("#d55e00", "#ff9557")}
DASHES: Any = (0, (4, 1.2))
STYLE = (
    "<style>text{font-family:system-ui,sans-serif!important}"
    f"svg{{{';'.join(f'--c{number}:{light}' for number, (light, _) in enumerate(COLORS.values()))}}}"
    "@media(prefers-color-scheme:dark){"
    f"svg{{{';'.join(f'--c{number}:{dark}' for number, (_, dark) in enumerate(COLORS.values()))}}}"
    "}</style>"
)
SVG_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dcgan",  # the same run gives the same page
    "axes.edgecolor": FOREGROUND,
    "axes.labelcolor": FOREGROUND,
    "text.color": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "font.size": 8,
    "date.converter": "concise",
}


def data_uri(content: bytes, kind: str) -> str:
    """A file as a `data:` address, `kind` such as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True)
class Grid:
    """Images in one picture."""

    uri: str
    width: int
    """px"""
    height: int
    """px"""
    count: int
    """Images in it."""


def image_grid(images: np.ndarray, columns: int = GRID_COLUMNS) -> Grid:
    """Lay uint8 images (n, H, W, C), n at least 1, out in rows."""
    side = max(images.shape[1:3])
    if side > MAX_SHOWN_SIDE:
        factor = MAX_SHOWN_SIDE / side
        size = max(1, round(images.shape[2] * factor)), max(1, round(images.shape[1] * factor))
        shape = size[1], size[0], images.shape[3]
        small = [Image.fromarray(image.squeeze(-1) if shape[-1] == 1 else image).resize(size) for image in images]
        images = np.stack([np.asarray(image).reshape(shape) for image in small])
    sheet = pictures.grid(images, min(columns, len(images)))
    if side <= MAX_PNG_SIDE:
        uri = data_uri(pictures.png(sheet), "image/png")
    else:
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=80)
        uri = data_uri(buffer.getvalue(), "image/webp")
    return Grid(uri, sheet.width, sheet.height, len(images))


def training_curves(journals: Mapping[str, Journal]) -> dict[str, str]:
    """One small figure per journal with losses above and scores below, all on one scale so that they can be compared.

    Args:
        journals: by name; those without losses get no figure.
    """
    drawn = {name: journal for name, journal in journals.items() if journal.losses}
    if not drawn:
        return {}
    losses = [row[key] for journal in drawn.values() for row in journal.losses for key in ("d_loss", "g_loss")]
    scores = [row["score"] for journal in drawn.values() for row in journal.scores]
    uris = {}
    with mpl.rc_context(SVG_SETTINGS):
        for name, journal in drawn.items():
            steps = [row["step"] for row in journal.losses]
            figure = Figure(figsize=(2.5, 1.9 if journal.scores else 1.25))
            FigureCanvasSVG(figure)
            panels = figure.subplots(2 if journal.scores else 1, sharex=True, squeeze=False)[:, 0]
            figure.subplots_adjust(left=0.16, right=0.96, bottom=0.11 if journal.scores else 0.17, top=0.97, hspace=0.2)
            upper = panels[0]
            _scale(upper, losses)
            upper.plot(steps, [row["d_loss"] for row in journal.losses], color=BLUE, linewidth=1.2)
            upper.plot(steps, [row["g_loss"] for row in journal.losses], color=ORANGE, linewidth=1.2, linestyle=DASHES)
            if journal.scores:
                lower = panels[1]
                _scale(lower, scores)
                at = [row["step"] for row in journal.scores]
                values = [row["score"] for row in journal.scores]
                lower.plot(at, values, color=FOREGROUND, linewidth=1, marker=".", markersize=3)
            for axes in panels if journal.scores and journal.shipped_step is not None else ():
                axes.axvline(journal.shipped_step, color=FOREGROUND, linewidth=0.8, linestyle=":")
            panels[-1].set_xlim(0, max(steps) * 1.02)
            panels[-1].xaxis.set_major_locator(MaxNLocator(3, integer=True))
            uris[name] = svg_uri(figure)
    return uris


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """A vertical axis on which all figures' values fit, 0 among them; one spike should not flatten all curves."""
    low, high = np.percentile(values, [0, 99])
    margin = 0.08 * (max(high, 0) - min(0, low)) or 1.0
    axes.set_ylim(min(0, low) - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(3))


def trend(nights: Sequence[Night]) -> str | None:
    """Balanced accuracy without and with the synthetic images, and images released, by night; None for a single one."""
    shown = nights[-MAX_NIGHTS:]
    if len(shown) < 2:
        return None
    days: Any = [night.finished for night in shown]
    with mpl.rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(3.8, 2.5))
        FigureCanvasSVG(figure)
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[2, 1])
        figure.subplots_adjust(left=0.13, right=0.97, bottom=0.15, top=0.93, hspace=0.35)
        upper.set_title("Balanced accuracy, %", loc="left", fontsize=8)
        for shares, color, line, marker in (
            ([night.accuracy_without for night in shown], BLUE, "-", "o"),
            ([night.accuracy_with for night in shown], ORANGE, DASHES, "^"),
        ):
            values = [np.nan if share is None else 100 * share for share in shares]
            upper.plot(days, values, color=color, linestyle=line, linewidth=1.2, marker=marker, markersize=3.5)
        upper.yaxis.set_major_locator(MaxNLocator(4))
        lower.set_title("Images released", loc="left", fontsize=8)
        lower.vlines(days, 0, [night.released for night in shown], color=FOREGROUND, linewidth=2)
        lower.set_ylim(bottom=0)
        lower.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        lower.margins(x=0.05)
        return svg_uri(figure)


def svg_uri(figure: Figure) -> str:
    """A figure as SVG that takes the reader's light or dark; inside <img>, nothing in it can run or be confused."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("<defs>", f"{STYLE}<defs>", 1)
    for number, color in enumerate(COLORS):
        svg = svg.replace(color, f"var(--c{number})")
    return data_uri(svg.encode(), "image/svg+xml")
