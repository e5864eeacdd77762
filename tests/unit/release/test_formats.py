"""Three forms of a release, one way to read them: the same images, labels and bytes from each."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.errors import ReleaseError, StorageError
from dcgan.files import storage
from dcgan.release import formats
from dcgan.release.publish import publish
from dcgan.release.reader import load_release
from dcgan.release.verify import verify
from dcgan.run.paths import Run
from tests.samples import noise, tree_hash
from tests.small_disk import small_disk
from tests.unit.conftest import MADE, SCRIPT, UP, make_run
from tests.unit.release.conftest import KINDS, outside, release_of

SHARDED = KINDS[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_each_form_is_whole_and_gives_the_same_images_and_labels(releases: dict[str, Path], kind: str) -> None:
    release = load_release(releases[kind], verify=True)
    assert verify(releases[kind]) == len([path for path in releases[kind].rglob("*") if path.is_file()]) - 1
    images, labels = release.arrays()
    expected, expected_labels = load_release(releases["files"]).arrays()
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, expected_labels)
    assert images.shape == (sum(MADE.values()), 12, 10, 3)
    rows = release.manifest.sample(frac=1, random_state=0)  # one by one, in any order
    for index, image in zip(rows["index"], release.images.arrays(rows["path"].to_list()), strict=True):
        np.testing.assert_array_equal(image, noise(900 + index))
    columns = load_release(releases["files"]).manifest.drop(columns=["path", "run_id"])
    assert release.manifest.drop(columns=["path", "run_id"]).equals(columns)


@pytest.mark.parametrize("kind", SHARDED)
def test_shards_hold_their_share_of_every_class_and_nothing_else_holds_images(
    releases: dict[str, Path], kind: str
) -> None:
    shards = load_release(releases[kind]).manifest["path"].str.partition("#")[0]
    assert list(shards[:4]) == [*dict.fromkeys(shards), shards[0]] and shards.nunique() == 3
    assert shards.value_counts().max() - shards.value_counts().min() <= 1
    assert all(shard.startswith(f"shards/odd-{releases[kind].name}-0000") for shard in shards)
    assert not (releases[kind] / "images").exists() and not [*releases[kind].glob("metadata.*")]


@pytest.mark.parametrize("kind", SHARDED)
def test_same_images_give_the_same_shards_byte_for_byte(tmp_path: Path, releases: dict[str, Path], kind: str) -> None:
    rows = load_release(releases[kind]).manifest.to_dict("records")
    pngs = list(load_release(releases[kind]).images.pngs([row["path"] for row in rows]))
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        with formats.writer(kind, folder, "name", len(rows)) as write:
            paths = [write(row, png) for row, png in zip(rows, pngs, strict=True)]
        assert len(set(paths)) == len(rows)
    first, second = tree_hash(tmp_path / "one"), tree_hash(tmp_path / "two")
    assert {name: digest for name, (digest, _) in first.items()} == {n: digest for n, (digest, _) in second.items()}


def test_tensorflow_reads_tfrecords(releases: dict[str, Path]) -> None:
    import tensorflow as tf  # noqa: PLC0415 (the other tests need none)

    release = load_release(releases["tfrecord"])
    images, labels = release.arrays()
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
        "image/class/text": tf.io.FixedLenFeature([], tf.string),
        "image/height": tf.io.FixedLenFeature([], tf.int64),
    }
    files = sorted(str(path) for path in (release.path / "shards").iterdir())
    read = {}
    for shard in files:
        for number, record in enumerate(tf.data.TFRecordDataset(shard)):
            example = tf.io.parse_single_example(record, features)
            read[f"shards/{Path(shard).name}#{number}"] = example
    assert set(read) == set(release.manifest["path"])
    for row, path in enumerate(release.manifest["path"]):
        example = read[path]
        np.testing.assert_array_equal(tf.io.decode_png(example["image/encoded"]).numpy(), images[row])
        assert example["image/class/label"] == labels[row] and example["image/height"] == images.shape[1]
        assert example["image/class/text"].numpy().decode() == release.manifest["label"][row]


WEBDATASET = """
import json, sys, webdataset
samples = webdataset.WebDataset(sys.argv[1:], shardshuffle=False).decode("rgb8").to_tuple("__key__", "png", "cls")
print(json.dumps([(key, image.tolist(), label) for key, image, label in samples]))
"""
TAR_BY_HUGGING_FACE = """
import json, sys, datasets, numpy
datasets.disable_progress_bars()
rows = datasets.load_dataset(sys.argv[1], split="train")
print(json.dumps([(row["__key__"], numpy.asarray(row["png"]).tolist(), row["cls"]) for row in rows]))
"""


@pytest.mark.parametrize("code", [WEBDATASET, TAR_BY_HUGGING_FACE], ids=["webdataset", "hugging face"])
def test_tars_are_read_by_others(releases: dict[str, Path], code: str) -> None:
    release = load_release(releases["webdataset"])
    shards = sorted((release.path / "shards").iterdir())
    read = {
        key: (image, label) for key, image, label in outside(code, *(shards if code == WEBDATASET else [release.path]))
    }
    images, labels = release.arrays()
    assert set(read) == set(release.manifest["image_id"])
    for row, name in enumerate(release.manifest["image_id"]):
        np.testing.assert_array_equal(read[name][0], images[row])
        assert read[name][1] == labels[row]


def test_tars_differ_by_no_date_and_no_owner(releases: dict[str, Path]) -> None:
    with tarfile.open(next((releases["webdataset"] / "shards").iterdir())) as tar:
        members = tar.getmembers()
    assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
        (0, 0, 0, "", 0o444)
    }


@pytest.mark.parametrize("kind", SHARDED)
def test_another_image_under_the_place_of_a_released_one_is_told(tmp_path: Path, kind: str) -> None:
    made = make_run(tmp_path, kind=kind)
    release = release_of(made)
    row = load_release(release).manifest.iloc[0]
    shard = release / row["path"].partition("#")[0]
    [png] = load_release(release).images.pngs([row["path"]])
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes().replace(png, png[:-1] + b"x"))
    with pytest.raises(ReleaseError, match=rf"{shard.name} has changed"):
        verify(release)
    # A release made by hand, in which all files' checksums are right, and the manifest's are not.
    record = storage.read_json(release / "release.json")
    record["files"][f"shards/{shard.name}"] = storage.sha256(shard)
    storage.write_json(release / "release.json", record)
    storage.write_text(release / "release.sha256", f"{storage.sha256(release / 'release.json')}  release.json\n")
    with pytest.raises(ReleaseError, match=r"the image is not the manifest's"):
        verify(release)


def _cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:700])


def _scramble(shard: Path) -> None:
    shard.write_bytes(b"no shard at all, but longer than a head of 12 bytes")


def _empty(shard: Path) -> None:
    shard.write_bytes(b"")


@pytest.mark.parametrize("kind", SHARDED)
@pytest.mark.parametrize("damage", [_cut, _scramble, _empty, Path.unlink])
def test_damaged_shard_is_told_with_the_image_that_is_missed(
    tmp_path: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    release = release_of(make_run(tmp_path, kind=kind))
    [shard] = (release / "shards").iterdir()
    shard.chmod(0o644)
    damage(shard)
    with pytest.raises(ReleaseError, match=rf"shards/{shard.name}#.* cannot be read: .*`dcgan verify` tells more"):
        load_release(release).arrays()


@pytest.mark.parametrize("kind", SHARDED)
def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        made = make_run(disk, kind=kind)
        while (free := free_bytes(disk)) > 8_000:
            (disk / f"ballast-{free}").write_bytes(b"x" * max(free - 60_000, 4_000))
        with pytest.raises(StorageError, match="cannot write"):
            publish(made.run, made.config, made.outcome)
        assert not any(made.run.job.releases.iterdir())


def free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@given(st.lists(st.sampled_from(["images/a/1.png", "images/b/2.png", "shards/0.tar#1.png", "shards/1.tar#1.png"])))
def test_batches_hold_every_position_once_and_no_two_shards(paths: list[str]) -> None:
    found = formats.batches(paths)
    assert sorted(position for batch in found for position in batch) == list(range(len(paths)))
    for batch in found:
        assert len({paths[position].partition("#")[0] for position in batch if "#" in paths[position]}) <= 1
        assert len({"#" in paths[position] for position in batch}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_image_leaves_a_release_that_can_be_read(tmp_path: Path, kind: str) -> None:
    release = release_of(make_run(tmp_path, dict.fromkeys(MADE, "withheld"), kind))
    images, labels = load_release(release, verify=True).arrays()
    assert images.shape == (0, 12, 10, 3) and labels.shape == (0,)


def test_run_keeps_its_files_whatever_the_form(releases: dict[str, Path]) -> None:
    for release in releases.values():
        run = Run(release.parents[1] / "runs" / release.name)
        for label in (SCRIPT, UP):
            assert len(list((run.generation(label) / "images").iterdir())) == MADE[label]
