"""`release.json`: read, brought to today's format, and compared with what a release can be.

A stranger may have written it, and its checksum with it. Whatever in it leads to a file, an allocation or a setting of
a library is therefore checked here, once, before anything relies on it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

from pydantic import ValidationError

from dcgan.config import SIDE_MAX, SIDE_MIN
from dcgan.files.names import MAX_NAME_BYTES, escape
from dcgan.release import formats, upgrading
from dcgan.release.folder import MAX_SHOWN, Folder
from dcgan.run.paths import BASE_FILES
from dcgan.run.records import ClassOutcome, ReleaseRecord, Verdict
from dcgan.run.records.summary import FORMAT

RECORD, SUMS, MANIFEST = "release.json", "release.sha256", "manifest.parquet"

MAX_BYTES = 64 * 2**20  # of release.json, which has about 5 kB for each class
MAX_VALUES = 1_500_000  # in release.json, which has about 120 for each class; in Python, each takes up to 100 bytes
MAX_ERRORS = 1000  # in release.json, above which none is named
MAX_TOP_FILES = 32  # beside models and shards; there are seven
MAX_THREADS = 1024  # TensorFlow starts as many as it is asked for
MAX_CANDIDATES = 2**40  # of one class; the manifest and the random draws count them in 64 bits

RUN_ID = re.compile(r"\d{8}-\d{6}(-\d{1,3})?", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_JOB = re.compile(r"\w[\w.\-]{0,79}")
_TOP_FILE = re.compile(r"\w[\w.\-]{0,79}", re.ASCII)


def read_record(folder: Folder) -> ReleaseRecord:
    """A release's record, whichever format it was written in.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not a release's record; the message says what was found in it.
    """
    content = folder.read(RECORD, MAX_BYTES)
    try:
        if (num_values := sum(map(content.count, (b",", b"[", b"{")))) > MAX_VALUES:
            raise ValueError(f"it has {num_values:,} values, but at most {MAX_VALUES:,} are expected")
        values = json.loads(content.decode(), parse_constant=_refuse, parse_float=_finite)
        if not isinstance(values, dict) or type(values.get("format")) is not int:
            raise ValueError("it has no `format`, which every release's has")
        if not 1 <= values["format"] <= FORMAT:
            found = f"it has format {str(values['format'])[:MAX_SHOWN]}"
            raise ValueError(f"{found}, but this version of dcgan-augment reads 1 to {FORMAT}")
        record = ReleaseRecord.model_validate(upgrading.upgrade(values))
    except ValidationError as error:
        raise ValueError(_first(error)) from error
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    for problem in _problems(record):
        raise ValueError(problem)
    return record


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it contains {constant}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it contains the number {text[:MAX_SHOWN]}, which is too large")
    return value


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    if (count := error.error_count()) > MAX_ERRORS:  # of which Pydantic would make as many dicts
        return f"{count:,} of its values are missing or of the wrong type"
    # Without what was found: for a missing key, that is all of the record.
    detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part)[:MAX_SHOWN] for part in detail['loc'])}: {detail['msg'][:MAX_SHOWN]}"


def _problems(record: ReleaseRecord) -> Iterator[str]:
    """What no release has, each in one line."""
    if not RUN_ID.fullmatch(record.run_id):
        yield f"run_id: expected a time such as 20261124-120459, found {_shown(record.run_id)}"
    if not _JOB.fullmatch(record.job):
        yield f"job: expected letters, digits, `_`, `-` and `.`, found {_shown(record.job)}"
    if not all(SIDE_MIN <= side <= SIDE_MAX for side in record.image_size):
        yield f"image_size: expected {SIDE_MIN} to {SIDE_MAX} px, found {list(record.image_size)}"
    if record.channels not in (1, 3):
        yield f"channels: expected 1 or 3, found {record.channels}"
    if not 1 <= record.threads <= MAX_THREADS:
        yield f"threads: expected 1 to {MAX_THREADS:,}, found {record.threads}"
    for number, (label, entry) in enumerate(record.classes.items()):
        if entry.class_index != number:
            yield f"classes.{label[:MAX_SHOWN]}.class_index: expected {number}, its place, found {entry.class_index}"
        for problem in _problems_of_class(record, label, entry):
            yield f"classes.{label[:MAX_SHOWN]}: {problem}"
    yield from _problems_of_files(record)


def _problems_of_class(record: ReleaseRecord, label: str, entry: ClassOutcome) -> Iterator[str]:
    if not 0 < len(escape(label).encode()) <= MAX_NAME_BYTES:
        yield f"expected a name that makes a folder's name of 1 to {MAX_NAME_BYTES} bytes"
    if max(entry.requested, entry.accepted, entry.tried) > MAX_CANDIDATES:
        yield f"expected at most {MAX_CANDIDATES:,} candidates"
    if not all(map(math.isfinite, entry.thresholds.values())):  # text that says so passes for a number
        yield f"expected thresholds that are numbers, found {entry.thresholds}"[: 2 * MAX_SHOWN]
    if not 0 <= entry.synthetic_share <= 1:
        yield f"expected a synthetic_share of 0 to 1, found {entry.synthetic_share}"
    if entry.evidence and not 0 <= entry.evidence.guessed_share <= 1:
        yield f"expected a guessed_share of 0 to 1, found {entry.evidence.guessed_share}"
    if entry.verdict is Verdict.SHIPPED and record.files.get(formats.model_path(label)) != entry.model_sha256:
        yield f"expected {formats.model_path(label)} in `files` with its model_sha256"


def _problems_of_files(record: ReleaseRecord) -> Iterator[str]:
    shards = formats.shards_among(record.files)
    kind = "webdataset" if any(path.endswith(formats.SUFFIXES["webdataset"]) for path in shards) else "tfrecord"
    name = f"{record.job}-{record.run_id}"
    known = {formats.shard_path(kind, name, number) for number in range(len(shards))}
    known |= {formats.model_path(label) for label, entry in record.classes.items() if entry.verdict is Verdict.SHIPPED}
    known |= {formats.base_path(name) for name in BASE_FILES}
    for path, checksum in record.files.items():
        if not SHA256.fullmatch(checksum):
            yield f"files.{path[:MAX_SHOWN]}: expected a SHA-256 in hex, found {_shown(checksum)}"
        if path not in known and (not _TOP_FILE.fullmatch(path) or path in (RECORD, SUMS)):
            yield f"files: {_shown(path)} is not a file of a release of this job, run and classes"
    if sum("/" not in path for path in record.files) > MAX_TOP_FILES:
        yield f"files: expected at most {MAX_TOP_FILES} beside models and shards"
    if MANIFEST not in record.files:
        yield f"files: expected {MANIFEST}"


def _shown(text: str) -> str:
    return repr(text[:MAX_SHOWN])
