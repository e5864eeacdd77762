"""A stranger's release: an honest one, changed, with every checksum made to agree again ("sealed")."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dcgan.files import storage
from dcgan.release import formats
from dcgan.release.manifest import SCHEMA

HONEST = Path(__file__).parent / "fixtures" / "release-format-1"

ChangeRecord = Callable[[dict[str, Any]], object]
ChangeManifest = Callable[[pd.DataFrame], object]


def copy(target: Path) -> Path:
    """A copy of the honest release, to be changed."""
    return Path(shutil.copytree(HONEST, target, copy_function=shutil.copyfile))


def seal(folder: Path, change: ChangeRecord = lambda _: None) -> Path:
    """Change a release's record, and compute every checksum anew, of images too, as whoever publishes one does."""
    record = storage.read_json(folder / "release.json")
    for name in record["files"]:
        if (folder / name).is_file():
            record["files"][name] = storage.sha256(folder / name)
    for label, entry in record["classes"].items():
        entry["model_sha256"] = record["files"].get(f"models/{label}.npz", entry["model_sha256"])
    change(record)
    return seal_text(folder, json.dumps(record, indent=2))


def seal_text(folder: Path, text: str) -> Path:
    """Put a text in the place of a release's record, with its checksum."""
    (folder / "release.json").write_bytes(text.encode(errors="surrogatepass"))
    (folder / "release.sha256").write_text(f"{storage.sha256(folder / 'release.json')}  release.json\n")
    return folder


def change_manifest(folder: Path, change: ChangeManifest) -> Path:
    """Change the manifest's rows in place, and seal."""
    rows = pd.read_parquet(folder / "manifest.parquet")
    changed = change(rows)
    write_manifest(folder, pa.Table.from_pandas(rows if changed is None else changed, SCHEMA, preserve_index=False))
    return seal(folder)


def write_manifest(folder: Path, table: pa.Table, **options: Any) -> None:
    """Put a table in the manifest's place."""
    pq.write_table(table, folder / "manifest.parquet", **options)


def sharded(folder: Path, kind: str) -> Path:
    """Turn a release of files into one of a single shard, and seal it."""
    record = storage.read_json(folder / "release.json")
    rows = pd.read_parquet(folder / "manifest.parquet")
    name = f"{record['job']}-{record['run_id']}"
    with formats.writer(kind, folder, name, len(rows)) as write:
        paths = [write(row, (folder / row["path"]).read_bytes()) for row in rows.to_dict("records")]
    shutil.rmtree(folder / "images")
    (folder / "metadata.csv").unlink()
    write_manifest(folder, pa.Table.from_pandas(rows.assign(path=paths), SCHEMA, preserve_index=False))

    def change(record: dict[str, Any]) -> None:
        record["config"]["outputs"]["format"] = kind
        del record["files"]["metadata.csv"]
        shard = paths[0].partition("#")[0]
        record["files"][shard] = storage.sha256(folder / shard)

    return seal(folder, change)


def shard_of(folder: Path) -> Path:
    """The only shard of a release."""
    [shard] = (folder / "shards").iterdir()
    return shard
