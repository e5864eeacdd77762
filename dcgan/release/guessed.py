"""`guessed.csv`: images without labels that a classifier is trained with too, and the class guessed of each.

It is text, so that what a stranger wrote into it can only be as large as the file.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from dcgan.errors import ReleaseError
from dcgan.release.contents import Contents
from dcgan.release.folder import MAX_SHOWN
from dcgan.release.record import SHA256
from dcgan.run.paths import Run
from dcgan.run.records import RunSummary

FILE = "guessed.csv"
COLUMNS = ["path", "image_sha256", "label", "votes"]
MAX_BYTES = 256 * 2**20  # 50,000 rows, most of them a path of up to 4 kB


def write(run: Run, summary: RunSummary, folder: Path) -> None:
    """Write the list of a release of which guessed labels were measured; of others, nothing.

    Args:
        run: with labels guessed.
        summary: of the run.
        folder: of the release.
    """
    used = [label for label, entry in summary.classes.items() if entry.evidence and entry.evidence.guessed]
    if used:
        table = pd.read_parquet(run.guesses("proof"))
        table[table["label"].isin(used)][COLUMNS].to_csv(folder / FILE, index=False)


def read(release: Contents) -> pd.DataFrame:
    """The list, a row per image: path beneath `data.unlabelled`, SHA-256 of its pixels, label, and votes for it.

    Empty if the release has none.

    Raises:
        ReleaseError: it is not what a release's is.
    """
    if FILE not in release.record.files:
        return pd.DataFrame({name: [] for name in COLUMNS}, dtype=str)
    try:
        text = release.folder.read(FILE, MAX_BYTES).decode()
        columns, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        table = pd.DataFrame(rows, columns=columns, dtype=str)
        _require_agreement(table, release)
    except (OSError, ValueError, csv.Error) as error:
        raise ReleaseError(f"{release.path / FILE} is not a release's list of guessed labels: {error}") from error
    return table


def _require_agreement(table: pd.DataFrame, release: Contents) -> None:
    """Raises ValueError where it does not agree with the release's record, or names an image twice."""
    if list(table) != COLUMNS:
        raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
    evidence = {label: entry.evidence for label, entry in release.record.classes.items()}
    said = {label: found.guessed for label, found in evidence.items() if found and found.guessed}
    if (found := table["label"].value_counts().to_dict()) != said:
        raise ValueError(f"it has other numbers of images by class than release.json: {str(found)[:MAX_SHOWN]}")
    if not table["image_sha256"].str.fullmatch(SHA256.pattern).all() or table["image_sha256"].duplicated().any():
        raise ValueError("expected the SHA-256 of each image, no two the same")
    if table["path"].duplicated().any():
        raise ValueError("a path is there twice")
