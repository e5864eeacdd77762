"""Every form is found by what is there, and what is none is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcgan.data.catalogue.reasons import (
    NUL_IN_NAME,
)
from tests.samples import noise, refusal, source_of, write_noise


@pytest.mark.parametrize("form", ["csv", "npz"])
def test_class_name_with_nul_is_told_and_not_used(tmp_path: Path, form: str) -> None:
    labels = ["\0base", "cat", "cat\0dog"]
    if form == "csv":
        write_noise(tmp_path / "a.png", 0)
        rows = "".join(f'a.png,"{label}"\n' for label in labels)
        (tmp_path / "d.csv").write_text(f"path,label\n{rows}", encoding="utf-8")
    else:
        np.savez(tmp_path / "d.npz", images=np.stack([noise(n) for n in range(3)]), labels=labels)
    source = source_of(tmp_path / f"d.{form}")
    assert [(entry.label, entry.problem) for entry in source.entries] == [
        ("\\x00base", NUL_IN_NAME), ("cat", ""), ("cat\\x00dog", NUL_IN_NAME),
    ]  # fmt: skip
    assert not any("\0" in label for label in source.labels)


@pytest.mark.parametrize("name", ["d.npz", "d.parquet", "d.csv"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", b"\xff\xfe\x00 noise"])
def test_damaged_tables_and_arrays_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refusal(tmp_path / name)


def test_missing_source_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    (tmp_path / "images.tar").write_bytes(b"x")
    assert "of no known form" in refusal(tmp_path / "images.tar")
