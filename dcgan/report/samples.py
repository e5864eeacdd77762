"""The sample grid: real and synthetic images of every class of a run, to look at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from dcgan.files import pictures
from dcgan.report.lettering import lettered
from dcgan.run.paths import Run
from dcgan.run.records import ClassOutcome

NUM_SHOWN = 20  # images of a kind in a class's row
MIN_SHOWN_SIDE = 56  # px; smaller images are shown enlarged
TITLE_HEIGHT = 22  # px


def class_grid(run: Run, classes: Mapping[str, ClassOutcome]) -> Image.Image:
    """Per class with synthetic images: its name, a row of real images, and below it a row of synthetic ones."""
    strips = []
    for label, outcome in classes.items():
        if not outcome.accepted:
            continue
        real = np.load(run.train_images(label), mmap_mode="r")[:NUM_SHOWN]
        files = sorted((run.generation(label) / "images").iterdir())[:NUM_SHOWN]
        made = pictures.stack(files)
        blank = np.full((NUM_SHOWN, *real.shape[1:]), 128, np.uint8)
        rows = [np.concatenate([images, blank])[:NUM_SHOWN] for images in (real, made)]
        scale = max(1, round(MIN_SHOWN_SIDE / real.shape[1]))
        picture = pictures.grid(np.concatenate(rows), NUM_SHOWN)
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        strip = Image.new("RGB", (picture.width, picture.height + TITLE_HEIGHT), "white")
        title = f"{label}: {outcome.train} real (above), {outcome.accepted} synthetic (below), {outcome.verdict}"
        text, font = lettered(title, TITLE_HEIGHT - 8)
        ImageDraw.Draw(strip).text((4, 2), text, "black", font)
        strip.paste(picture, (0, TITLE_HEIGHT))
        strips.append(strip)
    if not strips:
        return Image.new("RGB", (1, 1))
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet
