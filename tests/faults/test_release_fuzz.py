"""Whatever is in a release, reading it ends well or with a ReleaseError, soon, and in little memory."""

from __future__ import annotations

import contextlib
import copy as copying
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dcgan
from dcgan.errors import ReleaseError
from dcgan.files import storage
from dcgan.release import regenerate
from dcgan.release.manifest import SCHEMA
from dcgan.release.verify import missing, verify
from tests.forging import HONEST, copy, seal, seal_text, sharded, write_manifest

MAX_SECONDS = 10
MAX_MB = 400

fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
slowly = settings(fuzzed, max_examples=20)  # with TensorFlow


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """All of it together does not make this process large."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MAX_MB


@contextlib.contextmanager
def forged() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield copy(Path(folder) / "release")


def read(release: Path) -> None:
    """Read all that can be read without the networks."""
    acts: list[Callable[[], object]] = [
        lambda: dcgan.load_release(release).arrays(),
        lambda: dcgan.load_release(release).config,
        lambda: repr(dcgan.load_release(release)),
        lambda: dcgan.load_release(release).real(),
        lambda: verify(release),
    ]
    for act in acts:
        began = time.monotonic()
        with contextlib.suppress(ReleaseError):
            act()
        assert time.monotonic() - began < MAX_SECONDS
    assert isinstance(missing(release), str)


def make_again(release: Path) -> None:
    """Make an image again, and one more."""
    for act in (
        lambda: next(regenerate.regenerate(dcgan.load_release(release))),
        lambda: regenerate.sample(dcgan.load_release(release), {"NA": 1}, release.with_name("out")),
    ):
        shutil.rmtree(release.with_name("out"), ignore_errors=True)
        began = time.monotonic()
        with contextlib.suppress(ReleaseError):
            act()
        assert time.monotonic() - began < MAX_SECONDS
    assert {path.name for path in release.parent.iterdir()} <= {"release", "out"}


# The record

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 10**9, 2**63, 10**30, -(10**30), 0.5, -0.0, 1e308, "", "x", "1", "../../x",
    "/dev/zero", "\0", "a\0b", "\n", "\x1b[2J", "é", "\ud800", "NaN", "x" * 100_000, "2026-11-29T18:49:45+00:00",
    [], {}, [[]], {"": None}, [1, 2, 3], [None, None], {"x": {"y": [1]}}, ["01", "NA"],
]  # fmt: skip
RECORD = storage.read_json(HONEST / "release.json")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


PLACES = list(places(RECORD))


@st.composite
def records(draw: st.DrawFn) -> Any:
    """The honest record with some values changed, taken away, renamed or put elsewhere."""
    record = copying.deepcopy(RECORD)
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(PLACES))
        # A change before this one may have taken the place away.
        with contextlib.suppress(KeyError, IndexError, TypeError, AttributeError):
            parent = record
            for part in above:
                parent = parent[part]
            match draw(st.sampled_from(["change", "remove", "rename", "swap"])):
                case "change":
                    parent[key] = draw(st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20))
                case "remove":
                    del parent[key]
                case "rename":
                    parent[str(draw(st.sampled_from(ODD)))] = parent.pop(key)
                case "swap":
                    other = draw(st.sampled_from([*parent]) if isinstance(parent, dict) else st.just(0))
                    parent[key], parent[other] = parent[other], parent[key]
    return record


@fuzzed
@given(records())
def test_any_record_is_read_or_refused(record: Any) -> None:
    with forged() as release:
        read(seal_text(release, json.dumps(record)))


@slowly
@given(records())
def test_any_record_makes_images_again_or_is_refused(record: Any) -> None:
    with forged() as release:
        make_again(seal_text(release, json.dumps(record)))


@pytest.mark.parametrize("path", [path for path in PLACES if len(path) <= (3 if path[0] == "classes" else 2)])
def test_every_key_can_be_missing_or_null(path: tuple[Any, ...]) -> None:
    for change in (lambda parent: parent.pop(path[-1]), lambda parent: parent.update({path[-1]: None})):
        record = copying.deepcopy(RECORD)
        parent = record
        for part in path[:-1]:
            parent = parent[part]
        if isinstance(parent, dict):
            change(parent)
            with forged() as release:
                read(seal_text(release, json.dumps(record)))


TEXTS = [
    "", "{", "[]", "null", "1", '"x"', "{}", '{"format": 1}', '{"format": 2}', '{"format": "1"}', '{"format": true}',
    '{"format": 1e0}', '{"format": 1, "format": 2}', "NaN", '{"format": 1, "x": NaN}', '{"format": 1, "x": 1e999}',
    '{"format": 1, "x": -Infinity}', "9" * 5000, '{"format": ' + "9" * 5000 + "}", "\ufeff{}", "{" * 100_000,
    '{"x":' * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_no_record_is_refused(text: str) -> None:
    with forged() as release:
        with pytest.raises(ReleaseError, match=r"is not a release: its release\.json is not what a release's is"):
            dcgan.load_release(seal_text(release, text))
        read(release)


@given(st.binary(max_size=200))
@fuzzed
def test_bytes_that_are_no_record_are_refused(content: bytes) -> None:
    with forged() as release:
        (release / "release.json").write_bytes(content)
        with pytest.raises(ReleaseError):
            dcgan.load_release(release)
        read(release)


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *above, key, value = path

    def change(record: dict[str, Any]) -> None:
        for part in above:
            record = record[part]
        record[key] = value

    return change


def _rename(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["classes"].update({name: record["classes"].pop("NA")})


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "threads": (_set("threads", 10**9), "threads: expected 1 to 1,024, found 1000000000"),
    "no threads": (_set("threads", 0), "threads: expected 1 to"),
    "less than no threads": (_set("threads", -1), "threads: expected 1 to"),
    "threads in words": (_set("threads", "two"), "threads: Input should be a valid integer"),
    "threshold": (_set("classes", "NA", "thresholds", "blank", "nan"), "expected thresholds that are numbers"),
    "format to come": (_set("format", 3), "it has format 3, but this version of dcgan-augment reads 1 to 2"),
    "format that never was": (_set("format", 0), "it has format 0"),
    "run": (_set("run_id", "../../x"), "run_id: expected a time"),
    "job": (_set("job", "../x"), "job: expected letters"),
    "no classes": (lambda record: record.pop("classes"), "classes: expected an object, found NoneType"),
    "classes in a list": (_set("classes", []), "classes: expected an object, found list"),
    "class without a name": (_rename(""), "of 1 to 200 bytes"),
    "class that is no text": (_rename("\ud800"), "surrogates not allowed"),
    "class that cannot be a folder": (_rename("x" * 300), "of 1 to 200 bytes"),
    "number of a class": (_set("classes", "NA", "class_index", 5), "class_index: expected 1, its place, found 5"),
    "verdict": (_set("classes", "NA", "verdict", "great"), "classes.NA.verdict"),
    "share": (_set("classes", "NA", "synthetic_share", 2), "expected a synthetic_share of 0 to 1, found 2"),
    "candidates": (_set("classes", "NA", "tried", 10**15), "expected at most 1,099,511,627,776 candidates"),
    "less than no images": (_set("classes", "NA", "accepted", -4), "classes.NA.accepted"),
    "model of another": (_set("classes", "NA", "model_sha256", "0" * 64), "expected models/NA.npz in `files`"),
    "file elsewhere": (_set("files", "../x", "0" * 64), "'../x' is not a file of a release"),
    "file in a folder": (_set("files", "more/x", "0" * 64), "'more/x' is not a file of a release"),
    "file from the root": (_set("files", "/etc/passwd", "0" * 64), "'/etc/passwd' is not a file of a release"),
    "image": (_set("files", "images/01/x.png", "0" * 64), "is not a file of a release"),
    "itself": (_set("files", "release.json", "0" * 64), "is not a file of a release"),
    "shard of another": (_set("files", "shards/other-00000.tar", "0" * 64), "is not a file of a release"),
    "no shard": (_set("files", "shards/../x.tar", "0" * 64), "is not a file of a release"),
    "checksum": (_set("files", "README.md", "x"), "files.README.md: expected a SHA-256"),
    "no manifest": (lambda record: record["files"].pop("manifest.parquet"), "files: expected manifest.parquet"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_record_that_is_odd_is_refused_with_the_reason(name: str) -> None:
    change, told = REFUSED[name]
    with forged() as release:
        seal(release, change)
        for act in (dcgan.load_release, verify):
            with pytest.raises(ReleaseError) as refused:
                act(release)
            assert told in str(refused.value)


CONFIGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "none": _set("config", {}),
    "not resolved": _set("config", "training", "width", None),
    "too wide": _set("config", "training", "width", 10**6),
    "unknown key": _set("config", "training", "more", 1),
    "no source": lambda record: record["config"]["data"].pop("source"),
    "no data": _set("config", "data", None),
    "filters": _set("config", "curation", "filters", ["nothing"]),
    "no thresholds": _set("classes", "NA", "thresholds", {}),
    "another size": _set("image_size", [8, 9]),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_job_that_is_odd_makes_nothing(name: str, tmp_path: Path) -> None:
    with forged() as release:
        seal(release, CONFIGS[name])
        with pytest.raises(ReleaseError):
            regenerate.sample(dcgan.load_release(release), {"NA": 1}, tmp_path / "out")
        assert not (tmp_path / "out").exists()


# The manifest

VALUES = {
    pa.string(): st.sampled_from([value for value in ODD if isinstance(value, str) and value.isascii()])
    | st.text(max_size=9),
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 10**9]),
    pa.float64(): st.floats(),
}


@fuzzed
@given(st.data())
def test_any_rows_are_read_or_refused(data: st.DataObject) -> None:
    rows = pd.read_parquet(HONEST / "manifest.parquet").to_dict("list")
    for _ in range(data.draw(st.integers(1, 3))):
        field = data.draw(st.sampled_from(list(SCHEMA)))
        row = data.draw(st.integers(0, 8))
        value = data.draw(st.none() | VALUES[field.type])
        with contextlib.suppress(UnicodeEncodeError):
            rows[field.name][row] = None if value is None else pa.scalar(value, field.type).as_py()
    with forged() as release:
        write_manifest(release, pa.table(rows, SCHEMA))
        read(seal(release))


TYPES = [pa.string(), pa.large_string(), pa.binary(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(),
         pa.list_(pa.string()), pa.struct({"path": pa.string()}), pa.timestamp("s"), pa.null()]  # fmt: skip


@fuzzed
@given(st.sampled_from(SCHEMA.names), st.sampled_from(TYPES), st.sampled_from(["change", "twice", "remove"]))
def test_any_schema_is_read_or_refused(name: str, kind: pa.DataType, how: str) -> None:
    table = pa.Table.from_pandas(pd.read_parquet(HONEST / "manifest.parquet"), SCHEMA, preserve_index=False)
    number = SCHEMA.names.index(name)
    column = pa.nulls(9, kind)
    if how != "change":
        table = table.append_column(name, column) if how == "twice" else table.remove_column(number)
    else:
        table = table.set_column(number, pa.field(name, kind), column)
    with forged() as release:
        write_manifest(release, table)
        seal(release)
        text = {pa.string(), pa.large_string()}  # which Parquet stores alike
        if how != "change" or not (kind == SCHEMA.field(name).type or {kind, SCHEMA.field(name).type} <= text):
            with pytest.raises(ReleaseError):
                dcgan.load_release(release).arrays()
        read(release)


def test_text_that_is_not_utf_8_is_refused() -> None:
    table = pa.Table.from_pandas(pd.read_parquet(HONEST / "manifest.parquet"), SCHEMA, preserve_index=False)
    column = pa.array([b"\xff\xfe"] * 9, pa.binary()).view(pa.string())
    number = SCHEMA.names.index("nearest_real_path")
    with forged() as release:
        write_manifest(release, table.set_column(number, SCHEMA.field(number), column))
        seal(release)
        with pytest.raises(ReleaseError, match="UTF8"):
            _ = dcgan.load_release(release).manifest
        read(release)


# Bytes


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """What happens to a file's bytes."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "zero", "replace"]))
    where = draw(st.floats(0, 1, exclude_max=True))
    some = draw(st.binary(min_size=1, max_size=16))

    def damage(content: bytes) -> bytes:
        at = int(where * len(content))
        match kind:
            case "flip":
                return content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + 1]) + content[at + 1 :]
            case "cut":
                return content[:at]
            case "insert":
                return content[:at] + some + content[at:]
            case "zero":
                return content[:at] + bytes(len(content) - at)
            case _:
                return content[:at] + some + content[at + len(some) :]

    return damage


@pytest.fixture(scope="module", params=["files", "tfrecord", "webdataset"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The honest release in each of its forms; no test may change it."""
    folder = copy(tmp_path_factory.mktemp("original") / "release")
    return folder if request.param == "files" else sharded(folder, request.param)


@fuzzed
@given(data=st.data())
def test_any_bytes_are_read_or_refused(original: Path, data: st.DataObject) -> None:
    names = sorted(path.relative_to(original).as_posix() for path in original.rglob("*") if path.is_file())
    wanted = [name for name in names if name.endswith((".parquet", ".png", ".tar", ".tfrecord"))]
    name = data.draw(st.sampled_from(wanted))
    damage = data.draw(damages())
    with tempfile.TemporaryDirectory() as folder:
        release = Path(shutil.copytree(original, Path(folder) / "release"))
        (release / name).write_bytes(damage((release / name).read_bytes()))
        seal(release)
        if name.startswith("images/"):  # so that the picture itself is opened
            rows = pd.read_parquet(release / "manifest.parquet")
            rows.loc[rows["path"] == name, "image_sha256"] = storage.sha256(release / name)
            write_manifest(release, pa.Table.from_pandas(rows, SCHEMA, preserve_index=False))
            seal(release)
        read(release)


@slowly
@given(damages())
def test_any_model_makes_images_again_or_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with forged() as release:
        for name in ("01", "NA"):
            model = release / "models" / f"{name}.npz"
            model.write_bytes(damage(model.read_bytes()))
        rows = pd.read_parquet(release / "manifest.parquet")
        digests = rows["label"].map(lambda label: storage.sha256(release / "models" / f"{label}.npz"))
        write_manifest(release, pa.Table.from_pandas(rows.assign(model_sha256=digests), SCHEMA, preserve_index=False))
        make_again(seal(release))
