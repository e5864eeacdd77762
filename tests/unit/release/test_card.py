"""The dataset card: Markdown in which every name is only a name."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcgan.release.card import dataset_card, escape_markdown
from tests.records import advice, changed, with_class
from tests.unit.conftest import CAT, COUNTS, MADE, SCRIPT, UP, Made
from tests.unit.release.conftest import KINDS, outside


@given(st.text())
def test_escaped_text_is_one_line_without_markup_and_reads_as_it_was(text: str) -> None:
    escaped = escape_markdown(text)
    assert not re.search(r"[\\`*_\[\]{}<>|~$!@\"\n\r]", escaped)
    assert re.sub(r"&#\d+;", "", escaped).count("&") == 0
    # HTML has no words for control characters and for what is no character.
    if text.isprintable():
        assert html.unescape(escaped) == " ".join(text.split())


def test_class_names_are_in_the_table_and_are_no_markup(made: Made) -> None:
    summary = made.outcome
    for label in MADE:  # an error's message may name its class
        summary = with_class(summary, label, reason=f"helps: {label}")
    card = dataset_card(made.config, summary)
    assert "<script" not in card
    rows = [line for line in card.splitlines() if line.startswith("| ") and "shipped" in line]
    cells = [[html.unescape(cell.strip()) for cell in row.strip("|").split("|")] for row in rows]
    assert {row[0] for row in cells} == {SCRIPT, UP, CAT}
    assert all(len(row) == 6 and int(row[3]) == MADE[row[0]] for row in cells)


def test_front_matter_is_what_hugging_face_reads(made: Made) -> None:
    card = dataset_card(made.config, made.outcome)
    _, front, _ = card.split("---\n", 2)
    values = yaml.safe_load(front)
    assert values["tags"] == ["synthetic", "dcgan", "data-augmentation"]
    assert values["size_categories"] == ["n<1K"] and values["task_categories"] == ["image-classification"]


def test_card_says_what_was_measured_and_what_was_not(made: Made) -> None:
    told = "recall of rare classes 90.0% → 92.0% (+2.0 points, +1.0 to +3.0)"
    assert told in dataset_card(made.config, changed(made.outcome, advice=advice().model_dump()))
    untested = dataset_card(made.config, changed(made.outcome, advice=None))
    assert "whether these images help is not known" in untested


def test_classes_that_do_not_ship_are_told_with_their_reason_and_no_images(made: Made) -> None:
    withheld = with_class(made.outcome, UP, verdict="withheld", reason="harms: recall")
    card = dataset_card(made.config, withheld)
    assert f"{MADE[SCRIPT] + MADE[CAT]} images of 2 of {len(COUNTS)} classes" in card
    [refused] = [line for line in card.splitlines() if line.startswith("| three")]
    assert f"| 0 | refused | {made.outcome.classes['three'].train} training images" in refused
    assert "| 0 | withheld | harms: recall |" in card


def test_card_says_what_the_base_has_learnt_from(made: Made) -> None:
    data = made.config.data.model_copy(update={"unlabelled": "/more"})
    training = made.config.training.model_copy(update={"base_from": "/other"})
    card = dataset_card(made.config.model_copy(update={"data": data, "training": training}), made.outcome)
    assert "trained on all classes and on images without labels, itself begun from the base of another job;" in card
    assert "begun from a base trained on all classes; images" in dataset_card(made.config, made.outcome)


def test_versions_are_told_apart(made: Made) -> None:
    card = dataset_card(made.config, made.outcome)
    versions = made.outcome.versions
    assert ", ".join(f"{name} {version}" for name, version in versions.items()) in html.unescape(card)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_card_tells_to_type_works(releases: dict[str, Path], kind: str) -> None:
    """But for torchvision's line: torch's wheels in the registry bring CUDA along."""
    card = (releases[kind] / "README.md").read_text(encoding="utf-8")
    blocks = [code for code in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if "torchvision" not in code]
    assert len(blocks) == {"files": 4, "tfrecord": 3, "webdataset": 4}[kind]
    code = "\n".join([*blocks, "import json; print(json.dumps(len(list(synthetic))))"])
    others = "import os, sys; os.chdir(sys.argv[1]); sys.path.insert(0, sys.argv[2])\n"
    read = outside(others + code, releases[kind], Path(__file__).parents[3])
    assert read == sum(MADE.values())


def test_card_says_how_many_real_images_it_comes_from_and_grants_no_licence(made: Made) -> None:
    card = dataset_card(made.config, made.outcome)
    classes = made.outcome.classes.values()
    train, holdout = sum(outcome.train for outcome in classes), sum(outcome.holdout for outcome in classes)
    assert f"- {train} real images to train on, {holdout} held out" in card
    assert "this card grants none" in card and str(made.config.data.source) not in card
