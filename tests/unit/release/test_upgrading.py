"""Releases of format 1 are read as if they had been written today."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import dcgan as product
from dcgan.files import storage
from dcgan.release.reader import load_release
from dcgan.release.upgrading import upgrade
from dcgan.release.verify import verify
from dcgan.run.records import Effect, Ending, ReleaseRecord, Verdict
from tests.forging import HONEST

Dcgan = Callable[..., subprocess.CompletedProcess[str]]

INTERVAL = {"gain": 0.1, "gain_low": -0.1, "gain_high": 0.3, "p_value": 0.4, "p_holm": 0.8}
BETTER = {"gain": 0.1, "gain_low": 0.05, "gain_high": 0.3, "p_value": 0.001, "p_holm": 0.002}
METRICS = {
    name: {"value": 0.25, "error": 0.1, "ceiling": 0.9, "note": ""}
    for name in ("outlying", "gan_test", "authenticity", "manifold_recall")
}


def upgraded(verdict: str, reason: str, measures: dict[str, Any]) -> ReleaseRecord:
    """The honest release, in which one class came to this."""
    values = storage.read_json(HONEST / "release.json")
    values["classes"]["NA"] |= {"verdict": verdict, "reason": reason, "measures": measures}
    return ReleaseRecord.model_validate(upgrade(values))


@pytest.mark.parametrize(
    ("verdict", "reason", "measures", "effect"),
    [
        ("shipped", "helps: recall +10.0 points (+5.0 to +30.0)", BETTER, Effect.HELPS),
        ("shipped", "no difference shown: recall +10.0 points (-10.0 to +30.0)", INTERVAL, Effect.UNCLEAR),
        ("withheld", "harms: recall -10.0 points (-30.0 to -5.0)", INTERVAL, Effect.HARMS),
        ("shipped", "no verdict: 3 held-out images, at least 20 are needed", {}, Effect.UNTESTED),
        ("withheld", "unlike real images: 60% are farther from every one than 99 % of ...", INTERVAL, Effect.UNFIT),
        ("withheld", "all classes together: harms: balanced accuracy -3.0 points", INTERVAL, Effect.UNCLEAR),
        ("withheld", "all classes together: harms: balanced accuracy -3.0 points", BETTER, Effect.HELPS),
        ("short", "accepted 3 of 4 in 80 tries (rejected: 77 duplicate)", {}, Effect.NONE),
    ],
)
def test_effect_is_what_the_sentence_said(verdict: str, reason: str, measures: dict[str, Any], effect: Effect) -> None:
    outcome = upgraded(verdict, reason, {"holdout": 30, **measures, **METRICS}).classes["NA"]
    assert outcome.evidence and outcome.evidence.effect is effect and outcome.reason == reason
    assert outcome.evidence.harm_overall == reason.startswith("all classes together")
    assert (outcome.evidence.recall is None) == (not measures)
    assert outcome.evidence.holdout == 30 and outcome.measures.keys() == METRICS.keys()
    if measures:
        assert outcome.evidence.recall and outcome.evidence.recall.gain == 0.1
        assert outcome.evidence.p_holm == measures["p_holm"]


@pytest.mark.parametrize(
    ("beginning", "check"),
    [
        ("unlike real images", "outlying"),
        ("taken for another class", "unrecognised"),
        ("copies", "copied"),
        ("collapsed", "collapsed"),
    ],
)
def test_failed_check_has_the_value_that_decided_it(beginning: str, check: str) -> None:
    outcome = upgraded("withheld", f"{beginning}: as it was told", {"holdout": 30, **INTERVAL, **METRICS}).classes["NA"]
    assert outcome.evidence and outcome.evidence.failed_check
    failed = outcome.evidence.failed_check
    assert (failed.check, failed.value, failed.ceiling) == (check, 0.25, 0.9)


@pytest.mark.parametrize(
    ("verdict", "ending"),
    [
        ("shipped", Ending.COMPLETED), ("none", Ending.COMPLETED), ("withheld", Ending.PARTLY),
        ("failed", Ending.PARTLY), ("refused", Ending.PARTLY), ("short", Ending.PARTLY),
    ],
)  # fmt: skip
def test_ending_follows_from_the_verdicts(verdict: str, ending: Ending) -> None:
    assert upgraded(verdict, "", {}).ending is ending


def test_class_that_was_not_evaluated_has_no_evidence() -> None:
    outcome = upgraded("failed", "training collapsed once too often", {}).classes["NA"]
    assert outcome.evidence is None and outcome.verdict is Verdict.FAILED


def test_record_of_today_is_left_as_it_is() -> None:
    record = load_release(HONEST).record
    values = record.model_dump(mode="json")
    assert upgrade(values) is values and ReleaseRecord.model_validate(values) == record


def test_release_is_read_and_verified() -> None:
    release = load_release(HONEST, verify=True)
    assert verify(HONEST) == 18 and release.class_names == ["01", "NA"]
    images, labels = release.arrays()
    assert images.shape == (9, 8, 8, 1) and labels.tolist() == [0] * 5 + [1] * 4
    assert list(release.manifest["label"]) == ["01"] * 5 + ["NA"] * 4
    np.testing.assert_array_equal(images[5, ..., 0], np.asarray(Image.open(HONEST / release.manifest["path"][5])))
    assert release.config.training.width == 8 and release.record.overall


def test_images_are_made_again_and_more_of_them(dcgan: Dcgan, tmp_path: Path) -> None:
    done = dcgan("regenerate", HONEST, "--out", tmp_path / "again", "--json")
    told = json.loads(done.stdout)
    assert told["images"] == 9 and told["largest_difference"] <= 1, done.stderr
    assert {path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*.png")} == set(
        product.load_release(HONEST).manifest["path"]
    )
    done = dcgan("sample", HONEST, "--class", "NA", "--count", "2", "--out", tmp_path / "more", "--json")
    assert json.loads(done.stdout)["NA"]["accepted"] == 2, done.stderr
    more = pd.read_csv(tmp_path / "more" / "manifest.csv", dtype=str, keep_default_na=False)
    assert set(more["label"]) == {"NA"} and more["index"].astype(int).min() >= 4


def test_report_tells_what_it_told(dcgan: Dcgan) -> None:
    told = dcgan("report", HONEST).stdout
    assert told.startswith("Completed\n  01: 5 synthetic, shipped, unlike real images: 100% are farther")
    assert json.loads(dcgan("report", HONEST, "--json").stdout)["format"] == 2
