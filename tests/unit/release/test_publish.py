"""Releases appear whole, `latest` moves last, and what was released before stays as it was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcgan.errors import ReleaseError, StageError, StorageError
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.release.publish import publish
from dcgan.release.reader import load_release
from dcgan.release.verify import missing, verify
from dcgan.run import history, runs
from dcgan.run.paths import BASE_FILES
from tests.samples import noise, tree_hash
from tests.small_disk import small_disk
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, make_run


def test_release_holds_shipped_classes_only(tmp_path: Path) -> None:
    made = make_run(tmp_path, {UP: "withheld"})
    folder = publish(made.run, made.config, made.outcome)
    assert (
        verify(folder) == len(list(folder.rglob("*.*"))) - 1
    )  # all but release.sha256, which vouches for release.json
    assert {path.name for path in (folder / "images").iterdir()} == {escape(SCRIPT), escape(CAT)}
    assert {path.stem for path in (folder / "models").iterdir()} == {escape(SCRIPT), escape(CAT)}
    assert escape(UP) not in "\n".join(path.as_posix() for path in folder.rglob("*"))
    assert made.run.job.latest.resolve() == folder.resolve()


def test_manifest_arrays_and_record_agree(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    release = load_release(publish(made.run, made.config, made.outcome), verify=True)
    images, labels = release.arrays()
    assert images.shape == (sum(MADE.values()), 12, 10, 3)
    assert [release.class_names[label] for label in labels] == list(release.manifest["label"])
    assert release.config == made.config
    for index, image in zip(release.manifest["index"], images, strict=True):
        np.testing.assert_array_equal(image, noise(900 + index))
    for label, count in MADE.items():
        assert (release.manifest["label"] == label).sum() == release.record.classes[label].accepted == count


def test_shared_base_is_carried_when_it_is_asked_for(tmp_path: Path) -> None:
    for carries in (False, True):
        made = make_run(tmp_path / str(carries))
        for name in BASE_FILES:
            storage.write_bytes(made.run.base / name, name.encode())
        outputs = made.config.outputs.model_copy(update={"base": carries})
        folder = publish(made.run, made.config.model_copy(update={"outputs": outputs}), made.outcome)
        assert verify(folder)
        found = {path.name: path.read_bytes() for path in (folder / "base").glob("*")}
        assert found == ({name: name.encode() for name in BASE_FILES} if carries else {})


def test_publishing_again_changes_nothing(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    before = tree_hash(folder)
    assert publish(made.run, made.config, made.outcome) == folder
    assert tree_hash(folder) == before


def test_release_shares_no_byte_with_its_run_and_cannot_be_written(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    before = tree_hash(folder)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert path.stat().st_nlink == 1 and not path.stat().st_mode & 0o222
    for path in made.run.root.rglob("*.*"):
        if path.is_file():
            path.write_bytes(b"another night")
    assert tree_hash(folder) == before and verify(folder)


@pytest.mark.parametrize("damage", [lambda image: image.write_bytes(b"x"), Path.unlink], ids=["changed", "missing"])
def test_image_that_is_not_as_it_was_made_is_not_released(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    made = make_run(tmp_path)
    image = next((made.run.generation(UP) / "images").iterdir())
    damage(image)
    with pytest.raises(StageError, match=f"{image.name} is missing, or has changed since it was made"):
        publish(made.run, made.config, made.outcome)
    assert not any(made.run.job.releases.iterdir()) and not made.run.job.latest.exists()


def test_checksum_beside_the_record_is_one_that_sha256sum_reads(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    command = ["sha256sum", "--check", "--strict", "release.sha256"]
    assert (
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout == "release.json: OK\n"
    )


def test_oldest_releases_over_keep_are_removed_and_never_latest(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    releases = made.run.job.releases
    for name in ("20200101-000000", "20200102-000000", "20200103-000000"):
        (releases / name).mkdir(parents=True)
    folder = publish(made.run, made.config, made.outcome)  # keep is 2
    assert {path.name for path in releases.iterdir()} == {"20200103-000000", folder.name}


def test_release_of_a_night_dated_2030_does_not_outlive_newer_ones(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    releases = made.run.job.releases
    for name in ("20300101-000000", "20260101-000000"):  # in the order in which they were made
        (releases / name).mkdir(parents=True)
        history.append(made.run.job, history.night_of(made.outcome).model_copy(update={"run_id": name}))
    made.run.job.latest.symlink_to("releases/20300101-000000")
    folder = publish(made.run, made.config, made.outcome)  # keep is 2
    assert {path.name for path in releases.iterdir()} == {"20260101-000000", folder.name}
    assert made.run.job.latest.resolve() == folder.resolve()


def test_what_a_killed_process_left_of_a_release_is_removed(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    (made.run.job.releases / ".tmp-1-20200101-000000" / "images").mkdir(parents=True)
    folder = publish(made.run, made.config, made.outcome)
    assert [path.name for path in made.run.job.releases.iterdir()] == [folder.name]


def test_full_disk_leaves_the_release_before_and_latest_as_they_were(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        made = make_run(disk)
        before = publish(made.run, made.config, made.outcome)
        hashes = tree_hash(before)
        again, _ = runs.open_run(
            made.config.model_copy(update={"generation": made.config.generation.model_copy(update={"seed": 1})})
        )
        for part in ("split", "generation", "training"):
            shutil.copytree(made.run.root / part, again.root / part)
        free = shutil.disk_usage(disk).free
        (disk / "ballast").write_bytes(b"x" * (free - 40_000))
        with pytest.raises(StorageError, match="No space left"):
            publish(again, made.config, made.outcome)
        assert [path.name for path in made.run.job.releases.iterdir()] == [before.name]
        assert made.run.job.latest.resolve() == before.resolve()
        assert tree_hash(before) == hashes and verify(before)


def _tamper_image(release: Path) -> str:
    image = next((release / "images" / escape(CAT)).iterdir())
    content = bytearray(image.read_bytes())
    content[-20] ^= 1  # one bit
    image.chmod(0o644)
    image.write_bytes(content)
    return f"{image.name} has changed"


def _remove_image(release: Path) -> str:
    image = next((release / "images" / escape(SCRIPT)).iterdir())
    image.unlink()
    return f"{image.name} is missing"


def _add_image(release: Path) -> str:
    image = next((release / "images" / escape(UP)).iterdir())
    shutil.copy(image, image.with_name("more.png"))
    return "more.png does not belong"


def _add_hidden_file(release: Path) -> str:
    (release / "images" / ".DS_Store").touch()
    return ".DS_Store does not belong"


def _change_manifest(release: Path) -> str:
    file = release / "manifest.csv"
    file.chmod(0o644)
    file.write_text(file.read_text().replace(CAT[0], "x"))
    return "manifest.csv has changed"


def _change_count(release: Path) -> str:
    record = storage.read_json(release / "release.json")
    record["classes"][CAT]["accepted"] += 1
    storage.write_json(release / "release.json", record)
    return "release.json has changed"


def _remove_sums(release: Path) -> str:
    (release / "release.sha256").unlink()
    return "release.json has changed: sha256 " + storage.sha256(release / "release.json") + ", expected what release."


def _damage_manifest(release: Path) -> str:
    (release / "manifest.parquet").chmod(0o644)
    (release / "manifest.parquet").write_bytes(b"PAR1")
    return "; no image could be checked"


def _remove_manifest(release: Path) -> str:
    (release / "manifest.parquet").unlink()
    return "manifest.parquet is missing; no image could be checked"


def _disagree(release: Path) -> str:
    """As somebody might who makes a release by hand: all checksums are right, and a count is not."""
    _change_count(release)
    (release / "release.sha256").unlink()
    digest = storage.sha256(release / "release.json")
    (release / "release.sha256").write_text(f"{digest}  release.json\n")
    return "it has 12 rows, but release.json says 13 images; no image could be checked"


@pytest.mark.parametrize(
    "tamper",
    [
        _tamper_image, _remove_image, _add_image, _add_hidden_file, _change_manifest, _change_count, _remove_sums,
        _damage_manifest, _remove_manifest, _disagree,
    ],
)  # fmt: skip
def test_verify_names_what_is_not_as_it_was_released(tmp_path: Path, tamper: object) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    assert callable(tamper)
    told = tamper(folder)
    with pytest.raises(ReleaseError) as refused:
        verify(folder)
    num_problems = "2 problems" if tamper is _change_count else "1 problem"  # the manifest agrees with it no more
    assert told in str(refused.value) and f"({num_problems})" in str(refused.value)


@pytest.mark.parametrize("content", [None, "{half", "[]", "{}"])
def test_folder_that_is_no_release_is_refused_as_such(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "release.json").write_text(content)
    with pytest.raises(ReleaseError, match=r"release\.json"):
        load_release(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("README.md", "README.md"),
        ("release.sha256", "has changed"),
        ("release.json", "release.json"),
        ("manifest.parquet", "manifest.parquet"),
    ],
)
def test_release_that_lacks_a_file_is_known_without_reading_its_images(tmp_path: Path, name: str, told: str) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    assert missing(folder) == ""
    (folder / name).unlink()
    assert told in missing(folder)


def test_release_that_lacks_an_image_or_whose_manifest_has_changed_is_not_whole(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    folder = publish(made.run, made.config, made.outcome)
    image = next((folder / "images").rglob("*.png"))
    content = image.read_bytes()
    image.unlink()
    assert missing(folder) == image.relative_to(folder).as_posix()
    image.write_bytes(content)
    (folder / "manifest.parquet").chmod(0o644)
    (folder / "manifest.parquet").write_bytes(b"")
    assert missing(folder) == f"{folder / 'manifest.parquet'} has changed"
