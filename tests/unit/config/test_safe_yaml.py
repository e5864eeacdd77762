"""No text, file or device makes reading a job file hang, take all memory, or end in anything but one error."""

from __future__ import annotations

import os
import string
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dcgan.config import load_job
from dcgan.config.safe_yaml import MAX_BYTES, MAX_DEPTH, MAX_VALUES, parse
from dcgan.errors import ConfigError

JOB = "name: j\ndata: {source: images}\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 15)
)  # 10**15 values in 1 KB


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load_job(path)
    return str(refused.value)


def written(folder: Path, text: str) -> Path:
    (folder / "job.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    return folder / "job.yaml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, f"more than {MAX_VALUES:,} values"),
        (JOB + BOMB, f"more than {MAX_VALUES:,} values"),
        ("a: " + "[" * 500_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("a: " + "{a: " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("\n".join(" " * n + "a:" for n in range(1000)), f"nested deeper than {MAX_DEPTH} levels"),
        ("- " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: {c: *a}}", "contains itself"),
        ("a: *b", "undefined alias"),
        (JOB + "name: k\n", "the key 'name' stands here"),
        ("name: j\ndata: {source: a, source: b}", "line 2"),
        (JOB + "generation: {per_class: {cat: 5, cat: 6}}", "the key 'cat'"),
        (JOB + "generation: {per_class: {7: 5, '7': 6}}", "the class '7' is named twice"),
        (JOB + "---\n" + JOB, "expected a single document"),
        (JOB + "training: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("name: 2026-99-99", "cannot be read as timestamp"),
        ("name: !!bool maybe", "cannot be read as bool"),
        ("name: 0b_", "cannot be read as int"),
        ("name: " + "9" * 5000, "cannot be read as int"),
        (JOB + "? [a, b]\n: c\n", "unhashable key"),
        ('name: j\ndata: {source: "a\\0b"}', "no file can have the path"),
        ("name: j\ndata: {source: " + "x" * 5000 + "}", "no file can have the path"),
        ("name: j\ndata: {source: ~nobody-of-this-name/x}", "no file can have the path"),
        ("#" * (MAX_BYTES + 1), "more than 1 MiB"),
        (JOB + "training: {augmentation: [" + "zoom, " * 30_000 + "]}", "and 29,980 more wrong keys"),
    ],
    ids=lambda text: text[:20].replace("\n", " "),
)  # fmt: skip
def test_text_that_is_no_job_is_refused_soon_and_in_a_few_words(tmp_path: Path, text: str, told: str) -> None:
    began = time.monotonic()
    message = refusal(written(tmp_path, text))
    assert told in message and len(message) < 6000
    assert time.monotonic() - began < 10


def test_alias_bomb_takes_no_memory(tmp_path: Path) -> None:
    file = written(tmp_path, BOMB)
    tracemalloc.start()
    refusal(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "fifo", "folder", "/proc/self/mem"])
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    began = time.monotonic()
    assert "cannot read the job file" in refusal(tmp_path / path)
    assert time.monotonic() - began < 5


def test_aliases_and_merges_that_people_write_are_read(tmp_path: Path) -> None:
    text = "name: j\ndata: &data {source: images}\nmeasures: {}\ngeneration: {per_class: {a: &n 5, b: *n, 07: *n}}\n"
    job = load_job(written(tmp_path, text + "training: &t {preset: quick}\n"))
    assert job.generation.per_class == {"a": 5, "b": 5, "7": 5}
    assert parse("a: &a {x: 1}\nb: {<<: *a, x: 2, y: 3}") == {"a": {"x": 1}, "b": {"x": 2, "y": 3}}


@pytest.mark.parametrize("setting", ["a=[[[[[[" * 5, "generation.per_class={a: 1, a: 2}", "name=!!int x"])
def test_settings_have_the_same_limits(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_job(written(tmp_path, JOB), [setting])


# Text that is nearly YAML: what random characters never come to.
PIECES = st.sampled_from(
    ["name", "data", "source", "generation", "per_class", "training", ": ", ":", "- ", "\n", "\n  ", "{", "}", "[", "]",
     ", ", "&a ", "*a", "<<: ", "? ", "| ", "> ", "!!int ", "!!timestamp ", "!!set ", "!!omap ", "!!binary ", "!x ",
     "'", '"', "\\", "\\ud800", "\\0", "\0", "%YAML 1.1\n", "---\n", "...\n", "#", "2026-99-99", "1:99:99", ".inf",
     "1e999", "=", "~", "\ufeff", "\u2028", "\ud800", "yes", "\t", "a" * 300]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(alphabet=string.printable, max_size=3), max_size=30).map("".join)


@given(text=TEXTS)
@example(text="a: !!timestamp x")
@example(text="a: !!int ''")
@settings(deadline=2000, max_examples=300)
def test_any_text_is_a_job_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    for content in (text, JOB + text):
        try:
            load_job(written(folder, content))
        except ConfigError as error:
            assert str(error)


@given(content=st.binary(max_size=200))
@settings(deadline=2000, max_examples=100)
def test_any_bytes_are_a_job_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load_job(file)
