"""A source that a URL names is read like one on the disk, and what did not change there is not fetched again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.cache import Cache
from dcgan.data.catalogue.listing import list_source
from dcgan.data.catalogue.reasons import MISSING, NO_FILE_NAME
from dcgan.data.split import read_split
from dcgan.errors import InputError
from dcgan.execution.progress import no_report
from dcgan.files import urls
from tests.object_store import Bucket, Proxy, upload_tree
from tests.samples import noise, write_classes, write_noise


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "images", {"cat": 6, "dog": 6})


@pytest.fixture
def source(bucket: Bucket, images: Path) -> str:
    """URL of the same images in the bucket."""
    upload_tree(bucket.system, images, f"{bucket.name}/images")
    return f"{bucket.url}/images"


def table_of(source: str | Path) -> pd.DataFrame:
    return scan(DataConfig(source=str(source)))[0]


def fetched(proxy: Proxy) -> set[str]:
    """Names below `images/` that were fetched since this was last asked."""
    names = {path.partition("/images/")[2] for path in proxy.gets()}
    proxy.requests.clear()
    return names


def test_folder_in_a_store_is_read_like_one_on_the_disk(source: str, images: Path) -> None:
    pd.testing.assert_frame_equal(table_of(source), table_of(images))
    for side in ("train", "holdout"):
        there, here = (read_split(DataConfig(source=str(of)), (12, 10, 3), side) for of in (source, images))
        assert (there[0] == here[0]).all() and there[1] == here[1]


def test_only_what_changed_is_fetched_again(source: str, bucket: Bucket, proxy: Proxy, images: Path) -> None:
    table_of(source)
    assert fetched(proxy) == {path.relative_to(images).as_posix() for path in images.rglob("*.png")}
    table_of(source)
    assert fetched(proxy) == set()
    changed = write_noise(images / "cat" / "000.png", 99)
    bucket.system.pipe_file(f"{bucket.name}/images/cat/000.png", changed.read_bytes())
    bucket.system.rm_file(f"{bucket.name}/images/dog/000.png")
    (images / "dog" / "000.png").unlink()
    pd.testing.assert_frame_equal(table_of(source), table_of(images))
    assert fetched(proxy) == {"cat/000.png"}


def test_rehash_fetches_everything_again(source: str, proxy: Proxy) -> None:
    table_of(source)
    fetched(proxy)
    scan(DataConfig(source=source), no_report, Cache(rehash=True))
    assert len(fetched(proxy)) == 12


def test_class_that_is_gone_from_the_store_is_no_class_here(source: str, bucket: Bucket) -> None:
    table_of(source)
    bucket.system.rm(f"{bucket.name}/images/dog", recursive=True)
    assert list_source(DataConfig(source=source)).labels == ["cat"]


def test_copy_that_was_cut_short_or_whose_index_is_damaged_is_fetched_again(
    source: str, proxy: Proxy, images: Path
) -> None:
    expected = table_of(source)
    fetched(proxy)
    folder = urls.cache_folder(source)
    (folder / "files" / "cat" / "001.png").write_bytes(b"")  # as after a power cut
    (folder / "files" / "cat" / "002.png").unlink()
    pd.testing.assert_frame_equal(table_of(source), expected)
    assert fetched(proxy) == {"cat/001.png", "cat/002.png"}
    (folder / "index.json").write_text("{")
    pd.testing.assert_frame_equal(table_of(source), expected)
    assert len(fetched(proxy)) == 12 and images.exists()


def test_names_that_no_file_can_have_are_told_and_lead_nowhere(source: str, bucket: Bucket, tmp_path: Path) -> None:
    odd = ["cat/../../../../gone.png", "//two.png", f"cat/{'x' * 300}.png", "cat/./here.png"]
    for name in odd:
        bucket.system.pipe_file(f"{bucket.name}/images/{name}", b"x")
    bucket.system.pipe_file(f"{bucket.name}/images/cat/", b"")  # what consoles make for a folder
    bucket.system.pipe_file(f"{bucket.name}/images/dog", b"x")  # beside dog/000.png
    table = table_of(source).set_index("path")
    left_out = table[table["verdict"] == "quarantined"]
    assert set(left_out.index) == {*odd, "dog"}
    assert set(left_out["reason"]) == {NO_FILE_NAME}
    assert (table["verdict"] == "accepted").sum() == 12
    assert not list(tmp_path.rglob("gone.png")) and not (tmp_path.parent / "gone.png").exists()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_table_in_a_store_brings_what_it_lists_and_nothing_else(
    source: str, bucket: Bucket, images: Path, proxy: Proxy, ending: str
) -> None:
    secret = write_noise(images.parent / "secret.png", 500)
    names = [f"images/{label}/{n:03d}.png" for label in ("cat", "dog") for n in range(4)]
    outside = [str(secret), "../other/a.png", "images/nowhere.png"]
    table = pd.DataFrame({"path": names + outside, "label": ["a"] * 4 + ["b"] * 7})
    with bucket.system.open(f"{bucket.name}/t.{ending}", "wb") as file:
        table.to_csv(file, index=False) if ending == "csv" else table.to_parquet(file)
    proxy.requests.clear()
    found = table_of(f"{bucket.url}/t.{ending}").set_index("path")
    assert (found.loc[names, "verdict"] == "accepted").all()
    assert (found.loc[outside, "reason"] == MISSING).all()
    assert {path.partition("/")[2].partition("/")[2] for path in proxy.gets()} == {f"t.{ending}", *names}
    assert source


def test_arrays_in_a_store_are_read(bucket: Bucket, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=np.stack([noise(n) for n in range(20)]), labels=["a", "b"] * 10)
    bucket.system.put_file(str(tmp_path / "d.npz"), f"{bucket.name}/x/d.npz")
    pd.testing.assert_frame_equal(table_of(f"{bucket.url}/x/d.npz"), table_of(tmp_path / "d.npz"))


@pytest.mark.parametrize("name", ["nothing", "nothing.npz"])
def test_nothing_at_the_url_is_told(bucket: Bucket, name: str) -> None:
    with pytest.raises(InputError, match=rf"data\.source {bucket.url}/{name} does not exist"):
        table_of(f"{bucket.url}/{name}")
