"""A small release cannot make its reader large or slow, whatever sizes it claims."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dcgan.files import storage
from dcgan.release.manifest import SCHEMA
from tests.forging import HONEST, change_manifest, copy, seal, seal_text, shard_of, sharded, write_manifest
from tests.victim import Victim

MAX_MB = 200  # by which a reader may grow
MAX_SECONDS = 30

ROWS = 5_000_000


def refuse(victim: Victim, release: Path, told: str, *acts: str, max_mb: float = MAX_MB) -> None:
    """A process that reads it says why it does not, and stays as small and as fast as it should."""
    found = (path.stat() for path in release.rglob("*"))
    assert sum({entry.st_ino: entry.st_blocks * 512 for entry in found}.values()) < 80e6, "the attack is small"
    for act in acts:
        outcome = victim.read(act, release)
        assert outcome.error == "ReleaseError", outcome
        assert told in outcome.message
        assert outcome.grown_mb < max_mb and outcome.seconds < MAX_SECONDS, outcome


# The manifest


def rows_of(num_rows: int, **changes: Any) -> Iterator[pa.Table]:
    """The first row of the honest manifest as often as one likes, by row groups. Parquet holds it in no room."""
    first = pq.read_table(HONEST / "manifest.parquet").slice(0, 1)
    columns = {}
    for name in SCHEMA.names:
        value = pa.array([changes.get(name, first[name][0].as_py())], SCHEMA.field(name).type)
        columns[name] = pa.DictionaryArray.from_arrays(np.zeros(65_536, np.int32), value).cast(SCHEMA.field(name).type)
    table = pa.table(columns, SCHEMA)
    for start in range(0, num_rows, 65_536):
        yield table.slice(0, min(65_536, num_rows - start))


def many(record: dict[str, Any]) -> None:
    """The record agrees with the manifest."""
    record["classes"]["01"]["accepted"] = ROWS - 4


@pytest.mark.parametrize("name", [None, "nearest_real_path"])
def test_rows_without_images(victim: Victim, release: Path, name: str | None) -> None:
    changes = {} if name is None else {name: "x" * 500}
    with pq.ParquetWriter(release / "manifest.parquet", SCHEMA) as writer:
        for table in rows_of(ROWS, **changes):
            writer.write_table(table)
    refuse(victim, seal(release, many), "there is room for 9 in it", "manifest", "arrays", "verify")


def test_rows_that_repeat_one_image(victim: Victim, release: Path) -> None:
    """With as many files as rows, so that only the rows themselves are wrong."""
    for number in range(20_000):
        os.link(release / "README.md", release / "images" / "01" / f"{number}.png")
    with pq.ParquetWriter(release / "manifest.parquet", SCHEMA) as writer:
        for table in rows_of(20_000):
            writer.write_table(table)

    def change(record: dict[str, Any]) -> None:
        record["classes"]["01"]["accepted"] = 20_000 - 4

    refuse(victim, seal(release, change), "row 1: index is 0, expected one after", "manifest")


def test_one_row_group_of_all_rows(victim: Victim, release: Path) -> None:
    table = pa.concat_tables(rows_of(ROWS))
    write_manifest(release, table, row_group_size=ROWS)
    refuse(victim, seal(release, many), "there is room for 9 in it", "manifest")


@pytest.mark.parametrize("codec", ["zstd", "gzip", "brotli"])
def test_codec_that_unpacks_to_a_thousand_times_as_much(victim: Victim, release: Path, codec: str) -> None:
    rows = pd.read_parquet(release / "manifest.parquet").assign(nearest_real_path=lambda r: ["x" * 50_000_000] * len(r))
    write_manifest(release, pa.Table.from_pandas(rows, SCHEMA, preserve_index=False), compression=codec)
    refuse(victim, seal(release), f"it is compressed by {codec.upper()}", "manifest", "arrays", "verify")


@pytest.mark.parametrize("column", ["nearest_real_path", "label", "image_id"])
def test_one_long_text_for_every_row(victim: Victim, release: Path, column: str) -> None:
    rows = pd.read_parquet(release / "manifest.parquet").assign(**{column: "x" * 900_000})
    write_manifest(release, pa.Table.from_pandas(rows, SCHEMA, preserve_index=False))
    refuse(victim, seal(release), f"column {column}: a text of 900,000 bytes", "manifest", "arrays")


def test_manifest_larger_than_its_rows_can_be(victim: Victim, release: Path) -> None:
    noise = np.random.default_rng(0).bytes(20_000_000).hex()
    change_manifest(release, lambda rows: rows.assign(nearest_real_path=noise[:20_000_000]))
    refuse(victim, release, "bytes, but at most", "manifest", "arrays", "verify")


# The record


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record.update(channels=10**7), "channels: expected 1 or 3, found 10000000"),
        (lambda record: record.update(image_size=[10**6, 10**6]), "image_size: expected 8 to 256 px"),
        (lambda record: record.update(image_size=[0, 8]), "image_size: expected 8 to 256 px"),
    ],
)
def test_images_of_a_size_that_none_has(
    victim: Victim, release: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    refuse(victim, seal(release, change), told, "load", "arrays", "verify")


def test_record_that_is_too_large(victim: Victim, release: Path) -> None:
    seal_text(release, '{"format": 1, "x": "' + "x" * 70_000_000 + '"}')
    refuse(victim, release, "bytes, but at most 67,108,864 are expected", "load", "verify")


@pytest.mark.parametrize("value", ["[]", "{}", "0.1", '"ab"'])
def test_record_of_millions_of_values(victim: Victim, release: Path, value: str) -> None:
    seal_text(release, '{"format": 1, "x": [' + f"{value}," * 12_000_000 + "0]}")
    refuse(victim, release, "values, but at most 1,500,000 are expected", "load", "verify")


def test_record_of_as_many_values_as_can_be(victim: Victim, release: Path) -> None:
    seal_text(release, '{"format": 2, "x": [' + '"ab",' * 1_400_000 + "0]}")
    refuse(victim, release, "Field required", "load", "verify")


def test_record_of_as_many_errors_as_can_be(victim: Victim, release: Path) -> None:
    record = json.dumps(storage.read_json(release / "release.json") | {"files": "FILES"})
    files = ",".join(f'"{number}":1' for number in range(1_400_000))
    seal_text(release, record.replace('"FILES"', "{" + files + "}"))
    refuse(victim, release, "1,400,000 of its values are missing or of the wrong type", "load", max_mb=900)


def test_record_that_is_nested_too_deeply(victim: Victim, release: Path) -> None:
    seal_text(release, '{"format": 1, "x": ' + "[" * 8_000_000 + "]" * 8_000_000 + "}")
    refuse(victim, release, "release.json is not what a release's is", "load", "verify")


@pytest.mark.parametrize(
    "name", ["README.md", "manifest.csv", "models/NA.npz", "images/NA/NA-0000000.png", "release.sha256"]
)
def test_file_that_is_nothing_but_a_hole(victim: Victim, release: Path, name: str) -> None:
    seal(release)
    os.truncate(release / name, 2**40)
    refuse(victim, release, "1,099,511,627,776 bytes, but at most", "verify")


# Images


def png_of(width: int, height: int, *more: bytes, depth: int = 8) -> bytes:
    """A grey PNG, black, in as little room as can be; `more` are chunks before its pixels."""
    rows = zlib.compressobj(9)
    pixels = b"".join(rows.compress(bytes(1 + width * depth // 8)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def replace_image(release: Path, content: bytes) -> None:
    """Put it in the first image's place, and seal."""
    (release / "images" / "01" / "01-0000000.png").write_bytes(content)
    change_manifest(release, lambda rows: rows.loc.__setitem__((0, "image_sha256"), storage.sha256_bytes(content)))


@pytest.mark.parametrize("side", [13_000, 6_000, 9])
def test_picture_that_is_larger_than_the_release_says(victim: Victim, release: Path, side: int) -> None:
    replace_image(release, png_of(side, side))
    refuse(victim, release, "01-0000000.png", "arrays", "verify")


def test_picture_whose_second_header_is_larger(victim: Victim, release: Path) -> None:
    second = struct.pack(">IIBBBBB", 6_000, 6_000, 8, 0, 0, 0, 0)
    replace_image(release, png_of(8, 8, chunk(b"IHDR", second)))
    refuse(victim, release, "01-0000000.png", "arrays")


def test_picture_with_texts_that_unpack_to_a_thousand_times_as_much(victim: Victim, release: Path) -> None:
    text = b"key\0\0" + zlib.compress(bytes(40_000_000), 9)
    replace_image(release, png_of(8, 8, chunk(b"zTXt", text)))
    refuse(victim, release, "01-0000000.png", "arrays")


def eps() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n{ } loop\n"


@pytest.mark.parametrize(
    "content", [eps(), b"GIF89a", b"BM" + bytes(60), b"II*\0" + bytes(60), b"", b"\x89PNG\r\n\x1a\n"]
)
def test_picture_that_is_no_png(victim: Victim, release: Path, content: bytes) -> None:
    """Ghostscript would run what an EPS says, for ever."""
    replace_image(release, content)
    refuse(victim, release, "01-0000000.png", "arrays", "verify")


# Shards


itn = getattr(tarfile, "itn")  # noqa: B009 (types do not know how the module writes numbers)


def tar_header(name: str, size: int, kind: bytes = tarfile.REGTYPE, **fields: Any) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = itn(size, 12, tarfile.GNU_FORMAT)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def sparse_member() -> bytes:
    """A GNU sparse file of a terabyte, all of it a hole."""
    header = bytearray(tar_header("01-0000000.png", 0, tarfile.GNUTYPE_SPARSE))
    header[386:398] = itn(2**40, 12, tarfile.GNU_FORMAT)
    header[398:410] = itn(0, 12, tarfile.GNU_FORMAT)
    header[483:495] = itn(2**40, 12, tarfile.GNU_FORMAT)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


TARS = {
    "size": tar_header("01-0000000.png", 2**40),
    "size of what is there": tar_header("01-0000000.png", 30_000_000),
    "negative size": tar_header("01-0000000.png", -1024),
    "sparse": sparse_member(),
    "pax header": tar_header("././@PaxHeader", 2**33, tarfile.XHDTYPE),
    "negative pax header": tar_header("././@PaxHeader", -512, tarfile.XHDTYPE) * 2,
    "long name": tar_header("././@LongLink", 2**33, tarfile.GNUTYPE_LONGNAME),
    "link": tar_header("01-0000000.png", 0, tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": tar_header("01-0000000.png", 0, tarfile.LNKTYPE, linkname="01-0000000.png"),
    "device": tar_header("01-0000000.png", 0, tarfile.CHRTYPE, devmajor=1, devminor=5),
    "twice": 2 * (tar_header("01-0000000.png", 3) + b"abc".ljust(512, b"\0")),
    "no tar": b"PK\3\4" + bytes(1000),
    "empty": b"",
}


@pytest.mark.parametrize("content", TARS.values(), ids=TARS)
def test_tar_that_no_shard_is(victim: Victim, release: Path, content: bytes) -> None:
    sharded(release, "webdataset")
    with shard_of(release).open("wb") as shard:
        shard.write(content)
        shard.truncate(len(content) + 35_000_000)
    refuse(victim, seal(release), f"shards/{shard_of(release).name}", "arrays", "verify")


@pytest.mark.parametrize("length", [2**63, 2**40, 34_000_000, 70_000_000])
def test_tfrecord_of_a_length_that_none_has(victim: Victim, release: Path, length: int) -> None:
    sharded(release, "tfrecord")
    with shard_of(release).open("wb") as shard:
        shard.write(struct.pack("<QI", length, 0))
        shard.truncate(35_000_000)
    refuse(victim, seal(release), "`dcgan verify` tells more", "arrays", "verify")


# Models


def arrays_of(model: Path) -> dict[str, np.ndarray]:
    with np.load(model) as file:
        return dict(file)


def replace_model(release: Path, content: bytes) -> None:
    """Put it in the place of the first class's model, and seal."""
    (release / "models" / "01.npz").write_bytes(content)
    change_manifest(
        release,
        lambda rows: rows.loc.__setitem__((rows["label"] == "01", "model_sha256"), storage.sha256_bytes(content)),
    )


def packed(arrays: dict[str, Any], *, compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def test_models_that_are_not_their_networks(victim: Victim, tmp_path: Path) -> None:
    attacks: dict[str, Callable[[Path], None]] = {
        "bomb": _bomb, "more arrays": _more_arrays, "lying header": _lying_header, "objects": _objects,
        "compressed": _compressed, "noise": _noise, "empty": _empty, "huge network": _huge_network,
    }  # fmt: skip
    for name, attack in attacks.items():
        release = copy(tmp_path / name)
        attack(release)
        refuse(victim, release, "01.npz", "model")


def _bomb(release: Path) -> None:
    """Right names, and one array of 600 MB in 0.6 MB."""
    arrays = arrays_of(release / "models" / "01.npz")
    arrays["generator/project/kernel"] = np.zeros((4, 40_000_000), np.float32)
    replace_model(release, packed(arrays, compressed=True))


def _more_arrays(release: Path) -> None:
    arrays = arrays_of(release / "models" / "01.npz") | {"more": np.zeros(3, np.float32)}
    replace_model(release, packed(arrays))


def _lying_header(release: Path) -> None:
    """An array that claims to have 4 GB and has none of it."""
    model = (release / "models" / "01.npz").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(model)) as archive, zipfile.ZipFile(buffer, "w") as forged:
        for name in archive.namelist():
            content = io.BytesIO()
            if name == "generator/project/kernel.npy":
                header = {"descr": "<f4", "fortran_order": False, "shape": (1_000_000_000,)}
                np.lib.format.write_array_header_1_0(content, header)
            else:
                content.write(archive.read(name))
            forged.writestr(name, content.getvalue())
    replace_model(release, buffer.getvalue())


def _objects(release: Path) -> None:
    """A pickle, which runs what it says."""
    arrays = arrays_of(release / "models" / "01.npz")
    arrays["generator/project/bias"] = np.array([Evil()] * 128, object)
    replace_model(release, packed(arrays))


class Evil:
    """What a pickle makes of it ends the process."""

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return os.abort, ()


def _compressed(release: Path) -> None:
    replace_model(release, packed(arrays_of(release / "models" / "01.npz"), compressed=True))


def _noise(release: Path) -> None:
    replace_model(release, np.random.default_rng(0).bytes(7_000))


def _empty(release: Path) -> None:
    replace_model(release, b"")


def _huge_network(release: Path) -> None:
    """The record says that the networks are the largest that can be: 1.5 GB."""

    def change(record: dict[str, Any]) -> None:
        record["config"]["training"] |= {"width": 256, "latent_dim": 1024}
        record["image_size"] = [256, 256]

    seal(release, change)
