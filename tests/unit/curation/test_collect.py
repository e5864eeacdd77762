"""Collecting: exactly as many as wanted, in the order of their indices, whatever the parts and whoever is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcgan.config import ResolvedJob
from dcgan.curation import collect as module
from dcgan.curation import parts
from dcgan.curation.collect import collect, make_shards
from dcgan.curation.parts import lay_out
from dcgan.data.split import image_shape, in_fold
from dcgan.execution.progress import Progress
from dcgan.files import pictures, storage
from dcgan.generation import png
from dcgan.generation.model import CHUNK
from dcgan.networks.classifier import load_folds, surest_other, train_judge
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord
from dcgan.training.precision import choose_precision
from dcgan.training.stage import train_class
from tests.conftest import TINY, split_run, write_digits
from tests.records import changed

LABEL = "1"


def silent(_: Progress) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ResolvedJob]:
    """A run up to where its images are made."""
    root = tmp_path_factory.mktemp("collect")
    write_digits(root / "images", {0: 60, 1: 60, 7: 60})
    training = TINY["training"] | {"base": False, "precision": "float32", "class_steps": 240}
    run, job = split_run(root, training=training, gate={"classifier_steps": 40}, curation={"filters": ["label"]})
    train_judge(run, job, silent)
    choose_precision(run, job.training, image_shape(run))
    train_class(run, job, LABEL, None, silent)
    return run, job


@pytest.fixture
def made(trained: tuple[Run, ResolvedJob], tmp_path: Path) -> Callable[..., tuple[Path, GenerationRecord]]:
    """Collects images in a copy of the run, all of it or what its shards lack: folder and record."""

    def make(name: str, num_wanted: int, *, sharded: bool = False, **curation: Any) -> tuple[Path, GenerationRecord]:
        run, job = trained
        copy = Run(tmp_path / name)
        if not copy.root.exists():
            shutil.copytree(run.root, copy.root)
        with_filters = job.curation.model_copy(update={"filters": ["blank", "copy", "duplicate"], **curation})
        job = job.model_copy(update={"curation": with_filters})
        for shard in reversed(parts.shards(copy, LABEL, num_wanted)) if sharded else ():
            make_shards(copy, job, LABEL, [shard.first], silent)
        record = collect(copy, job, LABEL, num_wanted, silent)
        return copy.generation(LABEL), record

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "images").iterdir()}


def rows_of(folder: Path) -> pd.DataFrame:
    """What is known of each image, but for the run that made it."""
    return pd.read_parquet(folder / "rows.parquet").drop(columns="run_id")


def test_exactly_as_many_as_wanted_with_a_row_each(made: Callable[..., tuple[Path, GenerationRecord]]) -> None:
    folder, record = made("a", 150)
    rows = pd.read_parquet(folder / "rows.parquet")
    assert len(contents(folder)) == len(rows) == record.accepted == 150
    assert rows["index"].is_monotonic_increasing and record.tried == rows["index"].iloc[-1] + 1
    assert record.tried == 150 + sum(record.rejected.values())
    for row in rows.to_dict("records")[::40]:
        content = (folder / "images" / f"{row['image_id']}.png").read_bytes()
        assert storage.sha256_bytes(content) == row["image_sha256"]
    assert rows["critic_score"].isna().all(), "a discriminator that chooses nothing is not asked"
    assert not (folder / "parts").exists()


def test_parts_do_not_change_what_is_made(
    made: Callable[..., tuple[Path, GenerationRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, record = made("whole", 200)
    monkeypatch.setattr(parts, "PART", CHUNK)
    in_parts, record_of_parts = made("parts", 200)
    assert contents(in_parts) == contents(whole)
    pd.testing.assert_frame_equal(rows_of(in_parts), rows_of(whole))
    assert changed(record, seconds=0) == changed(record_of_parts, seconds=0)


@pytest.fixture
def tiny_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some dozens of images are enough for shards."""
    monkeypatch.setattr(parts, "PART", CHUNK)
    monkeypatch.setattr(parts, "SHARDS_MIN", 2)


@pytest.mark.usefixtures("tiny_shards")
def test_shards_do_not_change_what_is_made(made: Callable[..., tuple[Path, GenerationRecord]], tmp_path: Path) -> None:
    whole, record = made("whole", 250, critic_share=0.6)
    joined, record_of_shards = made("shards", 250, sharded=True, critic_share=0.6)
    assert contents(joined) == contents(whole) and len(contents(whole)) == 250
    pd.testing.assert_frame_equal(rows_of(joined), rows_of(whole))
    assert changed(record, seconds=0) == changed(record_of_shards, seconds=0)
    assert {path.name for path in joined.rglob("rejected/*/*")} == {path.name for path in whole.rglob("rejected/*/*")}
    assert not Run(tmp_path / "shards").shards(LABEL).exists()


@pytest.mark.usefixtures("tiny_shards")
def test_images_that_two_shards_have_are_taken_once(
    made: Callable[..., tuple[Path, GenerationRecord]], trained: tuple[Run, ResolvedJob], tmp_path: Path
) -> None:
    """A generator whose last layer is nought makes one image, again and again."""
    for name in ("whole", "shards"):
        copy = Run(tmp_path / name)
        shutil.copytree(trained[0].root, copy.root)
        arrays = storage.unpack_arrays(copy.model(LABEL).read_bytes())
        last = [key for key in arrays if key.startswith("generator/")][-2:]
        storage.write_bytes(copy.model(LABEL), storage.pack_arrays(arrays | {key: 0 * arrays[key] for key in last}))
    whole, record = made("whole", 130, filters=["duplicate"])
    joined, record_of_shards = made("shards", 130, filters=["duplicate"], sharded=True)
    assert record.accepted == 1 == len(contents(whole)) and contents(joined) == contents(whole)
    assert changed(record, seconds=0) == changed(record_of_shards, seconds=0)
    kept, _ = made("kept", 130, filters=[], sharded=True)
    assert len(contents(kept)) == 130, "who asks for no filter gets what comes twice"


@pytest.mark.usefixtures("tiny_shards")
def test_interrupted_while_it_joins_it_goes_on(
    made: Callable[..., tuple[Path, GenerationRecord]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rename, calls = os.rename, []

    def failing(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == CHUNK + CHUNK // 2:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        made("cut", 200, sharded=True)
    assert Run(tmp_path / "cut").shards(LABEL).exists()
    folder, _ = made("cut", 200)
    assert contents(folder) == contents(made("whole", 200)[0])


@pytest.mark.usefixtures("tiny_shards")
def test_shards_are_whole_parts_that_are_all_needed() -> None:
    def firsts(num_wanted: int) -> list[int]:
        return [shard.first for shard in parts.shards(Run(Path("none")), "a", num_wanted)]

    assert firsts(2 * CHUNK - 1) == []
    assert firsts(2 * CHUNK) == firsts(3 * CHUNK - 1) == [0, CHUNK]
    assert firsts(3 * CHUNK) == [0, CHUNK, 2 * CHUNK]


def test_interrupted_in_a_part_it_goes_on_from_the_one_before(
    made: Callable[..., tuple[Path, GenerationRecord]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, _ = made("whole", 200)
    monkeypatch.setattr(parts, "PART", CHUNK)
    encode = png.encode
    calls: list[int] = []

    def failing(*args: Any, **keywords: Any) -> bytes:
        calls.append(keywords["index"])
        if len(calls) == 3 * CHUNK:
            raise OSError(28, "No space left on device")
        return encode(*args, **keywords)

    monkeypatch.setattr(module, "encode", failing)
    with pytest.raises(OSError, match="No space"):
        made("cut", 200)
    monkeypatch.setattr(module, "encode", encode)
    kept = sorted((tmp_path / "cut" / "generation" / LABEL / "parts").glob("*.json"))
    assert len(kept) >= 1 and not (tmp_path / "cut" / "generation" / LABEL / "record.json").exists()
    before = {path: path.stat().st_mtime_ns for path in kept}
    again: list[int] = []
    monkeypatch.setattr(
        module, "encode", lambda *args, **keywords: again.append(keywords["index"]) or encode(*args, **keywords)
    )
    folder, _ = made("cut", 200)
    assert before and min(again) >= len(kept) * CHUNK
    assert contents(folder) == contents(whole)


def test_critic_chooses_the_share_that_it_likes_best(made: Callable[..., tuple[Path, GenerationRecord]]) -> None:
    folder, record = made("a", 64, critic_share=0.5)
    assert record.rejected["critic"] > 10 and record.thresholds["critic"] and not record.short
    rows = pd.read_parquet(folder / "rows.parquet")
    assert (rows["critic_score"] >= record.thresholds["critic"]).all()


def test_fewer_than_wanted_are_kept_with_their_rows_and_the_class_is_short(
    made: Callable[..., tuple[Path, GenerationRecord]],
) -> None:
    folder, record = made("a", 64, critic_share=0.01)
    assert record.short and 0 < record.accepted < 64 and record.tried == 64 * parts.MAX_TRIES
    assert record.accepted + sum(record.rejected.values()) == record.tried
    rows = pd.read_parquet(folder / "rows.parquet")
    assert len(contents(folder)) == len(rows) == record.accepted
    assert made("a", 64, critic_share=0.01) == (folder, record)  # tried once: it would come to the same


def test_none_at_all_is_short_too(made: Callable[..., tuple[Path, GenerationRecord]]) -> None:
    # The threshold is the score of the best of the first candidates, and that one is not among those that are tried.
    folder, record = made("a", 1, critic_share=0.0001)
    assert record.short and record.accepted == 0 and record.tried == parts.MAX_TRIES
    assert contents(folder) == {} and len(pd.read_parquet(folder / "rows.parquet")) == 0


def test_examples_of_rejected_images_are_kept_by_reason(made: Callable[..., tuple[Path, GenerationRecord]]) -> None:
    folder, record = made("a", 64, critic_share=0.25)
    examples = sorted((folder / "rejected" / "critic").glob("*.png"))
    assert len(examples) == module.NUM_EXAMPLES < record.rejected["critic"]
    assert pictures.read(examples[0]).shape == (8, 8, 1)
    assert not {path.name for path in examples} & set(contents(folder))


def test_label_filter_asks_classifiers_that_left_images_out(
    made: Callable[..., tuple[Path, GenerationRecord]], trained: tuple[Run, ResolvedJob]
) -> None:
    run, _ = trained
    assert len(list(run.judge.glob("fold-*.npz"))) == 3
    others = storage.unpack_arrays((run.judge / "other-class.npz").read_bytes())
    assert sorted(others) == ["0", "1", "2"] and all(
        0 <= values.min() <= values.max() <= 1 for values in others.values()
    )
    images = np.load(run.train_images("1"))
    for fold, look in enumerate(load_folds(run, images.shape[1:])):
        left_out = in_fold(len(images), fold)
        said = surest_other(look(images[left_out])[0], 1)
        np.testing.assert_allclose(said, others["1"][left_out], rtol=1e-4)
    _, record = made("a", 64, filters=["label"])
    assert record.thresholds["label"] == max(0.5, np.quantile(others["1"], 0.99))


@pytest.mark.usefixtures("tiny_shards")
@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("first", [40, 64, 130])
def test_more_images_later_are_those_that_would_have_been_made_at_once(
    made: Callable[..., tuple[Path, GenerationRecord]], tmp_path: Path, first: int, sharded: bool
) -> None:
    earlier, _ = made("earlier", first)
    again = tmp_path / "later" / earlier.relative_to(tmp_path / "earlier")
    shutil.copytree(tmp_path / "earlier", tmp_path / "later")
    shutil.rmtree(again)
    again.mkdir()
    lay_out(earlier, again, pd.read_parquet(earlier / "rows.parquet"))
    assert all((again / "images" / name).samefile(earlier / "images" / name) for name in contents(earlier))
    assert bool(parts.shards(Run(tmp_path / "later"), LABEL, 250)) == (first < 130)
    folder, record = made("later", 250, sharded=sharded)
    at_once, expected = made("at once", 250)
    assert contents(folder) == contents(at_once)
    assert changed(record, seconds=0) == changed(expected, seconds=0)
    pd.testing.assert_frame_equal(rows_of(folder), rows_of(at_once))
    assert set(pd.read_parquet(folder / "rows.parquet")["run_id"]) == {"earlier", "later"}


def test_fewer_images_later_are_the_first_ones_and_more_again_the_same(
    made: Callable[..., tuple[Path, GenerationRecord]], tmp_path: Path
) -> None:
    many, _ = made("many", 150)
    source = many
    for name, count in (("few", 70), ("many again", 150)):
        shutil.copytree(source.parents[1], tmp_path / name)
        folder = tmp_path / name / source.relative_to(source.parents[1])
        shutil.rmtree(folder)
        folder.mkdir()
        lay_out(source, folder, pd.read_parquet(source / "rows.parquet").head(count))
        source, record = made(name, count)
        assert record.accepted == count == len(contents(source))
        assert record.tried == count + sum(record.rejected.values())
        assert contents(source).items() <= contents(many).items()
    assert contents(source) == contents(many)
