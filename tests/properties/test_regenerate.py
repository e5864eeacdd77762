"""A release's models alone give its images again, byte for byte, and more of them that continue where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import dcgan as product
from dcgan.files import marks
from dcgan.release.publish import publish
from dcgan.run.paths import Run
from dcgan.run.records import RunSummary
from tests.conftest import Finished, command_line, write_job

Dcgan = Callable[..., CompletedProcess[str]]


@pytest.fixture
def alone(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the release that can be written, far from the run and the images that it was made of."""
    return shutil.copytree(finished.release, tmp_path / "release", copy_function=shutil.copyfile)


def test_every_image_comes_again_byte_for_byte(alone: Path, environment: dict[str, str], tmp_path: Path) -> None:
    done = command_line(environment, "regenerate", alone, "--out", tmp_path / "again")
    assert done.returncode == 0 and done.stdout == f"{alone}: 110 images made again, byte for byte as released\n"
    assert all(line.startswith("  regenerate: ") for line in done.stderr.splitlines())  # and no library's messages
    for path in product.load_release(alone).manifest["path"]:
        assert (tmp_path / "again" / path).read_bytes() == (alone / path).read_bytes()


def test_other_thread_count_gives_the_same_pictures(alone: Path, dcgan: Dcgan) -> None:
    record = json.loads((alone / "release.json").read_text())
    (alone / "release.json").write_text(json.dumps(record | {"threads": 3 - record["threads"]}))
    done = dcgan("regenerate", alone, "--json")
    told = json.loads(done.stdout)
    assert told["images"] == 110 and told["largest_difference"] <= 1


def test_one_image_by_its_id_and_none_that_is_not_there(alone: Path, dcgan: Dcgan) -> None:
    one = json.loads(dcgan("regenerate", alone, "--id", "1-0000007", "--json").stdout)
    assert one == {"images": 1, "same_bytes": 1, "largest_difference": 0}
    refused = dcgan("regenerate", alone, "--id", "1-0000007", "--id", "nobody-1")
    assert refused.returncode == 1 and "the manifest has no image nobody-1" in refused.stderr


def test_another_picture_under_the_name_of_a_released_one_is_told(alone: Path, dcgan: Dcgan) -> None:
    table = pd.read_parquet(alone / "manifest.parquet")
    table.loc[0, "image_sha256"] = "0" * 64
    table.to_parquet(alone / "manifest.parquet")
    file = alone / table.loc[0, "path"]
    with Image.open(file) as image:
        pixels = np.asarray(image)
    Image.fromarray(255 - pixels).save(file)
    done = dcgan("regenerate", alone)
    assert done.returncode == 1 and f"{table['image_id'][0]} comes out otherwise" in done.stderr


def test_model_that_has_changed_makes_nothing(alone: Path, dcgan: Dcgan, tmp_path: Path) -> None:
    (alone / "models" / "0.npz").unlink()
    shutil.copyfile(alone / "models" / "1.npz", alone / "models" / "0.npz")
    done = dcgan("sample", alone, "--class", "0", "--count", "3", "--out", tmp_path / "more")
    assert done.returncode == 1 and "0.npz has changed since it was released" in done.stderr
    assert not (tmp_path / "more").exists()


@pytest.fixture(scope="module")
def more(finished: Finished, dcgan: Dcgan, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Manifest of more images of the release."""
    out = tmp_path_factory.mktemp("more") / "more"
    assert dcgan("sample", finished.release, "--class", "0", "--count", "3", "--out", out).returncode == 0
    return pd.read_csv(out / "manifest.csv")


@pytest.mark.parametrize("kind", ["tfrecord", "webdataset"])
def test_images_in_shards_come_again_and_so_do_more_of_them(
    finished: Finished, dcgan: Dcgan, more: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    sharded = publish_as(kind, finished, tmp_path)
    done = dcgan("verify", sharded)
    assert done.returncode == 0 and not [line for line in done.stderr.splitlines() if not line.startswith("  verify: ")]
    done = dcgan("regenerate", sharded, "--out", tmp_path / "again", "--json")
    assert json.loads(done.stdout) == {"images": 110, "same_bytes": 110, "largest_difference": 0}
    for path in product.load_release(finished.release).manifest["path"]:
        assert (tmp_path / "again" / path).read_bytes() == (finished.release / path).read_bytes()
    dcgan("sample", sharded, "--class", "0", "--count", "3", "--out", tmp_path / "more")
    assert len(more) == 3 and pd.read_csv(tmp_path / "more" / "manifest.csv").equals(more)


def publish_as(kind: str, finished: Finished, root: Path) -> Path:
    """The finished run's release once more, in another form."""
    run = Run(root / kind / "tiny" / "runs" / finished.run.name)
    shutil.copytree(finished.run, run.root)
    release = product.load_release(finished.release)
    config = release.config
    outputs = config.outputs.model_copy(update={"format": kind})
    summary = RunSummary.model_validate(release.record.model_dump(include=set(RunSummary.model_fields)))
    return publish(run, config.model_copy(update={"outputs": outputs}), summary)


def test_more_images_are_those_that_a_larger_job_would_have_made(
    alone: Path, dcgan: Dcgan, run_job: Callable[[Path], Finished], tmp_path: Path
) -> None:
    done = dcgan("sample", alone, "--class", "0", "--count", "9", "--out", tmp_path / "more", "--json")
    assert json.loads(done.stdout)["0"]["accepted"] == 9
    more = pd.read_csv(tmp_path / "more" / "manifest.csv")
    assert len(more) == 9 and more["index"].min() == 70
    larger = run_job(write_job(tmp_path, generation={"per_class": {"0": 79}})).release
    for path in more["path"]:
        assert (tmp_path / "more" / path).read_bytes() == (larger / path).read_bytes()
        with Image.open(tmp_path / "more" / path) as image:
            assert marks.is_synthetic(image)


def test_samples_are_not_mixed_into_what_is_there(alone: Path, dcgan: Dcgan, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    done = dcgan("sample", alone, "--count", "1", "--out", tmp_path / "more")
    assert done.returncode == 1 and "exists" in done.stderr
    done = dcgan("regenerate", alone, "--out", tmp_path / "more")
    assert done.returncode == 1 and "exists" in done.stderr
    unknown = dcgan("sample", alone, "--class", "nobody", "--count", "1", "--out", tmp_path / "other")
    assert unknown.returncode == 1 and "no images of class 'nobody'; it has of 0, 1" in unknown.stderr
