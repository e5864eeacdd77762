"""Pictures of the report, as data URIs: grids of images, and loss curves.

No class name is drawn: names stand beside the pictures, as text that HTML escapes and every font can show.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from dcgan import pictures

GRID_COLUMNS = 8
MAX_SHOWN_SIDE = 64  # px; larger images are shown smaller, as JPEG: the page should open at once

# Okabe and Ito's blue and vermillion: told apart by colour-blind eyes, and 3:1 or more against white and near-black.
D_COLOR, G_COLOR = "#0072B2", "#D55E00"
FOREGROUND = "#010203"  # a colour that nothing else has, so that it can become the page's own
STYLE = (
    "<style>svg{color:#4a5158}text{font-family:system-ui,sans-serif!important}"
    "@media(prefers-color-scheme:dark){svg{color:#b4bcc4}}</style>"
)
SVG_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dcgan",  # the same run gives the same page
    "axes.edgecolor": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "font.size": 8,
}


def data_uri(content: bytes, kind: str) -> str:
    """A file as a `data:` address, `kind` such as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image_grid(images: np.ndarray) -> dict[str, Any]:
    """Lay uint8 images (n, H, W, C), n at least 1, out in rows: `uri`, and `width` and `height` to show, in px."""
    side = max(images.shape[1:3])
    columns = min(GRID_COLUMNS, len(images))
    if side <= MAX_SHOWN_SIDE:
        sheet = pictures.grid(images, columns)
        uri, scale = data_uri(pictures.png(sheet), "image/png"), max(1, 480 // sheet.width)
    else:
        factor = MAX_SHOWN_SIDE / side
        size = max(1, round(images.shape[2] * factor)), max(1, round(images.shape[1] * factor))
        shape = size[1], size[0], images.shape[3]
        small = [Image.fromarray(image.squeeze(-1) if shape[-1] == 1 else image).resize(size) for image in images]
        sheet = pictures.grid(np.stack([np.asarray(image).reshape(shape) for image in small]), columns)
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=90)
        uri, scale = data_uri(buffer.getvalue(), "image/jpeg"), 1
    return {"uri": uri, "width": sheet.width * scale, "height": sheet.height * scale}


def loss_curves(journals: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, str]:
    """One small figure per journal, all on one scale of losses so that they can be compared.

    Args:
        journals: rows with `step`, `d_loss` and `g_loss` by name; those without rows get no figure.
    """
    losses = [row[key] for rows in journals.values() for row in rows for key in ("d_loss", "g_loss")]
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return {}
    low, high = np.percentile(finite, [0, 99])  # one spike should not flatten all the other curves
    margin = 0.05 * (high - low) or 1.0
    uris = {}
    with mpl.rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(2.5, 1.25))
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.95, bottom=0.18, top=0.96)
        axes.set_ylim(min(0, low) - margin, high + margin)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.tick_params(length=2)
        (d_line,) = axes.plot([], color=D_COLOR, linewidth=1.2)
        (g_line,) = axes.plot([], color=G_COLOR, linewidth=1.2, linestyle=(0, (4, 1.2)))
        for name, rows in journals.items():
            if rows:
                steps = [row["step"] for row in rows]
                d_line.set_data(steps, [row["d_loss"] for row in rows])
                g_line.set_data(steps, [row["g_loss"] for row in rows])
                axes.set_xlim(0, max(steps) * 1.02)
                uris[name] = _svg_uri(figure)
    return uris


def _svg_uri(figure: Figure) -> str:
    """A figure as SVG that takes the reader's light or dark; inside <img>, nothing in it can run or be confused."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(FOREGROUND, "currentColor").replace("<defs>", f"{STYLE}<defs>", 1)
    return data_uri(svg.encode(), "image/svg+xml")


def forest_limit(classes: Sequence[Mapping[str, Any]]) -> int:
    """The reach, in points of recall, of a scale on which every class's interval of gain fits."""
    reach = max((100 * abs(entry[key]) for entry in classes for key in ("gain_low", "gain_high")), default=0)
    return next(limit for limit in (1, 2, 5, 10, 20, 50, 100) if limit >= reach or limit == 100)
