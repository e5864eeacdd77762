"""The manifest: one row per synthetic image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dcgan.paths import Run, escape

COLUMNS = [
    "image_id",
    "path",
    "label",
    "class_index",
    "split",
    "seed",
    "index",
    "model_sha256",
    "image_sha256",
    "height",
    "width",
    "channels",
    "critic_score",
    "label_confidence",
    "nearest_real_distance",
    "nearest_real_path",
    "run_id",
]


def build_manifest(run: Run, classes: Iterable[str], shipped: Iterable[str]) -> pd.DataFrame:
    """Rows of all shipped classes, in the order of class and index.

    Args:
        run: with these classes generated.
        classes: all class names of the job, sorted; `class_index` counts among them.
        shipped: those whose images are in the release.
    """
    index_of = {label: number for number, label in enumerate(classes)}
    tables = [
        pd.read_parquet(run.generation(label) / "rows.parquet").assign(class_index=index_of[label]) for label in shipped
    ]
    if not tables:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in COLUMNS})
    table = pd.concat(tables, ignore_index=True)
    table["path"] = [
        f"images/{escape(label)}/{name}.png" for label, name in zip(table["label"], table["image_id"], strict=True)
    ]
    # All of it is training data: synthetic images have no place among the images that a model is tested on.
    return table.assign(split="train", run_id=run.id)[COLUMNS]


def write_manifest(table: pd.DataFrame, folder: Path) -> None:
    """Write `manifest.parquet`, `manifest.csv` and Hugging Face's `metadata.csv`."""
    table.to_parquet(folder / "manifest.parquet", index=False)
    as_text = table.assign(
        label=table["label"].map(_neutral), nearest_real_path=table["nearest_real_path"].map(_neutral)
    )
    as_text.to_csv(folder / "manifest.csv", index=False)
    metadata = as_text[["path", "label"]].rename(columns={"path": "file_name"})
    metadata.to_csv(folder / "metadata.csv", index=False)


def _neutral(text: str) -> str:
    """A value that a spreadsheet would take for a formula, with an apostrophe before it (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
