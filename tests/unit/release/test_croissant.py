"""croissant.json by MLCommons' own library: valid, and every record with its image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dcgan.release.croissant import describe
from dcgan.release.manifest import COLUMNS
from dcgan.release.reader import load_release
from tests.unit.conftest import Made
from tests.unit.release.conftest import KINDS, outside

READ = """
import json, sys, numpy, mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = dataset.metadata.ctx.issues
def plain(value):
    return value.decode() if isinstance(value, bytes) else numpy.asarray(value).tolist()
def records(name):
    rows = dataset.records(name)
    return [{key.removeprefix(name + "/"): plain(value) for key, value in row.items()} for row in rows]
print(json.dumps({
    "errors": sorted(issues.errors), "warnings": sorted(issues.warnings),
    "images": records("images"), "classes": records("classes"),
}))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_mlcroissant_finds_nothing_wrong_and_reads_every_record(releases: dict[str, Path], kind: str) -> None:
    release = load_release(releases[kind])
    told = outside(READ, release.path / "croissant.json")
    assert told["errors"] == [] and told["warnings"] == []
    assert {entry["name"]: entry["class_index"] for entry in told["classes"]} == {
        name: number for number, name in enumerate(release.class_names)
    }
    records = {record["image_id"]: record for record in told["images"]}
    images, _ = release.arrays()
    assert len(told["images"]) == len(records) == len(images)
    for row, image in zip(release.manifest.to_dict("records"), images, strict=True):
        record = records[row["image_id"]]
        assert {column: record[column] for column in COLUMNS} == row
        if kind != "tfrecord":  # of which Croissant knows nothing
            np.testing.assert_array_equal(record["image"], image)


@pytest.mark.parametrize("kind", KINDS)
def test_checksums_are_those_of_the_release(releases: dict[str, Path], kind: str) -> None:
    files = load_release(releases[kind]).record.files
    content = json.loads((releases[kind] / "croissant.json").read_text())
    told = {entry["@id"]: entry["sha256"] for entry in content["distribution"] if "sha256" in entry}
    assert told == {name: files[name] for name in told} and "manifest.parquet" in told
    assert [name for name in told if name.startswith("shards/")] == [n for n in files if n.startswith("shards/")]


def test_description_promises_no_licence_and_counts_what_ships(made: Made) -> None:
    content = describe(made.config, made.outcome, {})
    total = sum(outcome.released for outcome in made.outcome.classes.values())
    assert content["description"].startswith(f"{total} synthetic images")
    assert content["license"].startswith("Not known.") and made.run.id in content["citeAs"]
