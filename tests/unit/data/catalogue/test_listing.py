"""Every form is found by what is there, and what is none is refused by name."""

from __future__ import annotations

import importlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import DataConfig
from dcgan.data.catalogue import listing, scan
from dcgan.data.catalogue.formats import FORMATS
from dcgan.data.catalogue.reasons import NUL_IN_NAME
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
    assert "no known form" in refusal(tmp_path / "images.tar")


ZIPPED = """
import io
import zipfile
from dataclasses import astuple, dataclass

from dcgan.data.catalogue.kinds import open_picture
from dcgan.data.catalogue.sources import Entry, Format, Reading, Source


@dataclass(frozen=True)
class Member:
    file: str
    name: str

    def address(self):
        return [__name__, "Member", *astuple(self)]

    def read(self):
        with zipfile.ZipFile(self.file) as archive:
            return archive.read(self.name)

    def picture(self, content):
        return open_picture(content)


class Zipped(Source):
    def item(self, number):
        return Member(self.file(number), self.entries[number].path.partition("#")[2])

    def file(self, number):
        return str(self.root / self.entries[number].path.partition("#")[0])


def read(place):
    with zipfile.ZipFile(place.path) as archive:
        entries = [Entry(f"{place.path.name}#{name}", name.split("/")[0]) for name in sorted(archive.namelist())]
    return Zipped(place.path.parent, entries, Reading("zipped folders", "zip"))


FORMAT = Format("zipped", "a .zip of folders", lambda place: place.is_file(".zip"), read)
"""


def test_a_form_of_sources_is_one_file_and_a_line_in_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zipped.py").write_text(ZIPPED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)  # of the processes that open images, too
    monkeypatch.setattr(listing, "FORMATS", (importlib.import_module("zipped").FORMAT, *FORMATS))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for number in range(12):
            write_noise(tmp_path / "one.png", number)
            archive.write(tmp_path / "one.png", f"{'cat' if number % 2 else 'dog'}/{number}.png")
        archive.writestr("dog/broken.png", b"no image")
    for data in ({}, {"format": "zipped"}):
        table, record = scan(DataConfig(source=str(tmp_path / "d.zip"), **data))
        assert record.read_as == "zipped folders"
        accepted = {label: found.accepted for label, found in record.classes.items()}
        assert accepted == {"cat": 6, "dog": 6} and len(table) == 13
    assert "a .zip of folders" in refusal(tmp_path / "one.png")
