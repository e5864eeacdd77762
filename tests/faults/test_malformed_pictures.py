"""Malformed pictures of every kind that is read are left out with a true reason, or read as others read them.

Each file is opened by the real reader process, whose time and memory are measured. `make test` takes a sample, and
`make faults` all of `malformed.corpus`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av.logging
import numpy as np
import psutil
import pytest

from dcgan.data.catalogue.decode import decode
from dcgan.data.catalogue.kinds import open_picture
from dcgan.data.catalogue.opening import MAX_MEMORY, Facts, File
from dcgan.data.catalogue.readers import _Reader
from dcgan.data.catalogue.reasons import DAMAGED, EMPTY, UNUSABLE
from tests.faults.malformed import WHOLE, Case, corpus, independent

SAMPLE = 150
MAX_SECONDS, MAX_SECONDS_OF_BOMB = 5.0, 40.0  # for one file, on a machine that has other work
MAX_GROWTH = 200_000_000  # bytes by which one small file may make a reader grow
HARMLESS = "junk after the end"  # every picture is whole
# Of these kinds no decoder that is independent knows all variants, or none notices that a packed value is wrong: there
# are no checksums, and what a decoder makes of the rest is its own affair.
UNCHECKED = {"BMP", "DDS", "FITS", "GIF", "MSP", "PCX", "QOI", "TIFF", "XBM", "XPM"}
TOLERANCE = {"JPEG": (2, 2), "WEBP": (255, 8), "AVIF": (4, 1), "JPEG2000": (2, 1), "XPM": (255, 255)}  # largest, mean

av.logging.set_level(None)


class Opener:
    """A reader process that is looked at while it works."""

    def __init__(self, folder: Path) -> None:
        self._reader = _Reader()
        self._file = folder / "picture"

    def open(self, content: bytes) -> tuple[Facts, float, int]:
        """What a file is, the seconds that it took, and the bytes by which it made the process grow."""
        self._file.write_bytes(content)
        child = self._reader._child or self._reader._start()
        pid = child._process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
        before, began = psutil.Process(pid).memory_info().rss, time.monotonic()
        [facts], lost = self._reader.ask([["inspect", File(str(self._file)).address(), None]])
        assert lost is None, lost
        seconds = time.monotonic() - began
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        return facts, seconds, peak - before

    def close(self) -> None:
        """End it."""
        self._reader.close()


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(tmp_path)
    yield opener
    opener.close()


def pixels_of(content: bytes) -> np.ndarray:
    """(H, W, 3), as a reader decodes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels, _ = decode(open_picture(content), None, lambda: open_picture(content))
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def alike(kind: str, one: np.ndarray, other: np.ndarray | None) -> bool:
    if other is None or one.shape != other.shape:
        return False
    largest, mean = TOLERANCE.get(kind.partition(" ")[0], (1, 1))
    difference = np.abs(one - other)
    return float(difference.max()) <= largest and float(difference.mean()) <= mean


def problem_of(case: Case, opener: Opener) -> tuple[str, str]:  # noqa: PLR0911 (one for each outcome)
    """What is wrong with what came of a file, "" for nothing, and what came of it."""
    facts, seconds, growth = opener.open(case.content)
    is_bomb = case.kind == "bomb"
    if seconds > (MAX_SECONDS_OF_BOMB if is_bomb else MAX_SECONDS):
        return f"it took {seconds:.0f} s", "slow"
    if growth > (MAX_MEMORY if is_bomb else MAX_GROWTH):
        return f"it took {growth / 1e6:.0f} MB", "large"
    if facts["verdict"] == "quarantined":
        return _problem_of_reason(case, facts), facts["reason"]
    if is_bomb:
        return "" if facts["height"] * facts["width"] <= 64_000_000 else "over the limit", "accepted bomb"
    found = pixels_of(case.content)
    if alike(case.kind, found, pixels_of(WHOLE[case.kind]())) and case.harm:
        return "", "pixels not harmed"
    others = independent(case.kind, case.content)
    if alike(case.kind, found, others):
        return "", "as by another decoder"
    if not case.harm and case.kind in ("MSP 1", "FITS L", "TIFF F"):  # which no other decoder reads like this
        return "", "whole"
    if case.kind.partition(" ")[0] in UNCHECKED and case.harm and not case.harm.startswith("cut"):
        return "", "harm that nothing can notice"
    return f"other pixels than by another decoder ({'none' if others is None else others.shape})", "other pixels"


def _problem_of_reason(case: Case, facts: Facts) -> str:
    if case.harm in ("", HARMLESS):
        return f"left out, though it is whole: {facts['detail']}"
    if facts["reason"] not in (DAMAGED, UNUSABLE, EMPTY) or (facts["reason"] == EMPTY) != (not case.content):
        return f"reason {facts['reason']}"
    if facts["reason"] != EMPTY and not facts["detail"]:
        return "no detail"
    too_large = "pixels" in facts["detail"] or "bytes" in facts["detail"]
    if facts["reason"] == UNUSABLE and not (too_large or "values" in facts["detail"] or "GB" in facts["detail"]):
        return f"not a true reason: {facts['detail']}"
    return ""


def check(cases: list[Case], opener: Opener) -> Counter[str]:
    """What came of the cases, all of which must be right."""
    outcomes: Counter[str] = Counter()
    problems = []
    for case in cases:
        problem, outcome = problem_of(case, opener)
        outcomes[outcome] += 1
        if problem:
            problems.append(f"{case.kind}, {case.harm or 'whole'}: {problem}")
    assert not problems, "\n".join(problems)
    return outcomes


def sample() -> list[Case]:
    """Every whole file, and every so manieth of the others."""
    cases = list(corpus(unpacking=False))
    whole = [case for case in cases if not case.harm]
    harmed = [case for case in cases if case.harm]
    return whole + harmed[:: len(harmed) // (SAMPLE - len(whole))]


def test_sample_of_malformed_pictures(opener: Opener) -> None:
    outcomes = check(sample(), opener)
    assert outcomes.total() >= SAMPLE and outcomes[DAMAGED] > 20 and outcomes["as by another decoder"] > 20


@pytest.mark.long
def test_all_malformed_pictures(opener: Opener, record_property: Any) -> None:
    cases = list(corpus(int(os.environ.get("DCGAN_SEED", "0"))))
    assert len(cases) >= 1000
    outcomes = check(cases, opener)
    record_property("tried", len(cases))
    print(f"{len(cases):,} files: {dict(outcomes)}")


def test_corpus_is_the_same_in_every_run() -> None:
    assert [case.content for case in sample()] == [case.content for case in sample()]


@pytest.mark.parametrize("kind", ["PNG RGB", "PNG RGBA", "ICO RGBA", "ICNS RGBA"])
def test_png_whose_pixels_have_another_checksum_is_left_out(kind: str, opener: Opener) -> None:
    content = bytearray(WHOLE[kind]())
    content[content.index(b"IDAT") + 20] ^= 4
    facts, _, _ = opener.open(bytes(content))
    assert (facts["verdict"], facts["reason"]) == ("quarantined", DAMAGED)
    assert "checksum" in facts["detail"]


def test_jpeg_of_a_broken_download_is_left_out(opener: Opener) -> None:
    content = WHOLE["JPEG RGB"]()
    for length in range(len(content) // 2, len(content) - 20, 40):
        facts, _, _ = opener.open(content[:length].ljust(len(content), b"\0"))
        assert (facts["verdict"], facts["reason"]) == ("quarantined", DAMAGED), length
    facts, _, _ = opener.open(content + b"\0" * 100)  # it has all of its pixels, and zeros after its end
    assert facts["verdict"] == "accepted"
