"""A release in a store is all there before it is a release, and is read from there like one on the disk."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.errors import ReleaseError, StorageError
from dcgan.files import storage
from dcgan.release import remote
from dcgan.release.publish import publish
from dcgan.release.reader import load_release
from dcgan.release.verify import verify
from dcgan.run import history
from dcgan.run.paths import JobFolder
from tests.object_store import Bucket, Proxy, objects
from tests.unit.conftest import Made

Uploaded = tuple[JobFolder, str]
"""A job, and its release's id."""


@pytest.fixture(scope="module")
def job(made: Made) -> Uploaded:
    """A job with a release on the disk, and the release's id; no test may change it."""
    return made.run.job, publish(made.run, made.config, made.outcome).name


@pytest.fixture
def url(bucket: Bucket) -> str:
    return f"{bucket.url}/out/odd"


@pytest.fixture
def uploaded(job: Uploaded, url: str, bucket: Bucket) -> str:
    """URL of the uploaded release."""
    return f"{bucket.name}/{remote.upload(*job, url, keep=2)['release'].partition(bucket.name + '/')[2]}"


def local_files(job: Uploaded) -> dict[str, int]:
    folder = job[0].releases / job[1]
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_record_comes_after_all_files_and_latest_last(job: Uploaded, url: str, proxy: Proxy) -> None:
    where = remote.upload(*job, url, keep=2)
    assert where == {"release": f"{url}/releases/{job[1]}", "latest": f"{url}/latest"}
    top = f"/{url.removeprefix('s3://')}"
    order = [name.removeprefix(f"{top}/") for name in proxy.puts()]
    assert order[-2:] == [f"releases/{job[1]}/release.json", "latest"]
    assert len(order) == len(set(order)) == len(local_files(job)) + 1


def test_store_holds_the_release_as_it_is(job: Uploaded, url: str, bucket: Bucket) -> None:
    remote.upload(*job, url, keep=2)
    assert objects(bucket.system, f"{bucket.name}/out/odd/releases/{job[1]}") == local_files(job)
    assert bucket.system.cat_file(f"{bucket.name}/out/odd/latest") == f"releases/{job[1]}\n".encode()


def test_upload_that_was_cut_goes_on_where_it_was(
    job: Uploaded, url: str, bucket: Bucket, uploaded: str, proxy: Proxy
) -> None:
    for name in ("release.json", "manifest.csv", "README.md"):
        bucket.system.rm_file(f"{uploaded}/{name}")
    bucket.system.pipe_file(f"{uploaded}/report.html", b"half")  # as a store may have it that is none of objects
    remote.prepare(url, job[1])
    assert len(objects(bucket.system, uploaded)) == len(local_files(job)) - 3
    remote.upload(*job, url, keep=2)
    assert objects(bucket.system, uploaded) == local_files(job)
    assert {name.rpartition("/")[2] for name in proxy.puts()} == {
        remote.PROBE, "manifest.csv", "README.md", "report.html", "release.json", "latest",
    }  # fmt: skip


def test_uploading_again_sends_nothing_but_latest(job: Uploaded, url: str, uploaded: str, proxy: Proxy) -> None:
    remote.upload(*job, url, keep=2)
    assert [name.rpartition("/")[2] for name in proxy.puts()] == ["latest"] and uploaded


def test_another_release_of_that_name_is_left_as_it_is(job: Uploaded, url: str, bucket: Bucket, uploaded: str) -> None:
    bucket.system.pipe_file(f"{uploaded}/release.json", b"{}")
    with pytest.raises(StorageError, match=r"another release .* Does another machine run this job\?"):
        remote.upload(*job, url, keep=2)
    assert bucket.system.cat_file(f"{uploaded}/release.json") == b"{}"


def test_unfinished_uploads_go_and_the_resumed_one_and_releases_stay(url: str, bucket: Bucket) -> None:
    top = f"{bucket.name}/out/odd/releases"
    for name in ("20200101-000000/images/a.png", "20200102-000000/images/a.png", "20200103-000000/release.json"):
        bucket.system.pipe_file(f"{top}/{name}", b"x")
    remote.prepare(url, "20200102-000000")
    assert set(objects(bucket.system, top)) == {"20200102-000000/images/a.png", "20200103-000000/release.json"}


def test_oldest_releases_over_keep_go_and_never_latest(
    job: Uploaded, made: Made, url: str, bucket: Bucket, tmp_path: Path
) -> None:
    top = f"{bucket.name}/out/odd/releases"
    places = JobFolder(shutil.copytree(job[0].root, tmp_path / "odd", symlinks=True))
    for year in (2020, 2099, 2021):  # in the order in which they were made, once by a clock that was wrong
        for name in ("release.json", "images/a.png"):
            bucket.system.pipe_file(f"{top}/{year}0101-000000/{name}", b"x")
        run_id = f"{year}0101-000000"
        history.append(places, history.night_of(made.outcome).model_copy(update={"run_id": run_id}))
    remote.upload(places, job[1], url, keep=2)
    assert {name.partition("/")[0] for name in objects(bucket.system, top)} == {job[1], "20210101-000000"}
    remote.upload(places, job[1], url, keep=1)
    assert {name.partition("/")[0] for name in objects(bucket.system, top)} == {job[1]}


def test_bucket_that_is_not_there_is_told_before_the_work_and_not_made(bucket: Bucket) -> None:
    with pytest.raises(StorageError, match=r"cannot write to s3://no-such-bucket/out/odd: .* A bucket must exist"):
        remote.prepare("s3://no-such-bucket/out/odd", "1")
    assert not bucket.system.exists("no-such-bucket")


@pytest.mark.parametrize("name", ["latest", "releases/{id}", "releases/{id}/"])
def test_release_is_read_from_its_url(job: Uploaded, url: str, uploaded: str, name: str, proxy: Proxy) -> None:
    release = load_release(f"{url}/{name.format(id=job[1])}", verify=True)
    here = load_release(job[0].latest)
    for one, other in zip(release.arrays(), here.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert release.record == here.record and release.path != here.path and uploaded
    proxy.requests.clear()
    load_release(f"{url}/latest").arrays()  # from the copy: it never changes
    assert {path.rpartition("/")[2] for path in proxy.gets()} == {"latest", "release.json"}


def test_verify_looks_at_the_store_and_not_at_the_copy(url: str, bucket: Bucket, uploaded: str) -> None:
    assert verify(f"{url}/latest") == len(objects(bucket.system, uploaded)) - 1
    content = bytearray(bucket.system.cat_file(f"{uploaded}/manifest.csv"))
    content[-2] ^= 1
    bucket.system.pipe_file(f"{uploaded}/manifest.csv", bytes(content))
    load_release(f"{url}/latest", verify=True)
    with pytest.raises(ReleaseError, match=rf"{url}/latest is not as it was .*\n  manifest\.csv has changed"):
        verify(f"{url}/latest")


def test_unfinished_upload_is_no_release(url: str, bucket: Bucket, uploaded: str) -> None:
    bucket.system.rm_file(f"{uploaded}/release.json")
    for name in ("latest", uploaded.rpartition("out/odd/")[2], "nowhere"):
        with pytest.raises(ReleaseError, match=r"is not a release: a release's folder has a release\.json"):
            load_release(f"{url}/{name}")


@pytest.mark.parametrize(
    "content", [b"", b"../../secret", b"releases/../x", b"releases/a b", b"s3://other/x", b"\xff" * 9]
)
def test_latest_that_names_no_release_is_refused(url: str, bucket: Bucket, content: bytes) -> None:
    bucket.system.pipe_file(f"{bucket.name}/out/odd/latest", content)
    with pytest.raises(ReleaseError, match="expected `releases/<run id>` in it, found "):
        load_release(f"{url}/latest")


@pytest.mark.parametrize("name", ["latest", "releases/20260101-000000/release.json"])
def test_text_that_is_too_large_is_not_fetched(url: str, bucket: Bucket, name: str) -> None:
    bucket.system.pipe_file(f"{bucket.name}/out/odd/{name}", bytes(70_000_000))
    with pytest.raises(ReleaseError, match="has 70,000,000 bytes, and at most"):
        load_release(f"{url}/{name.removesuffix('/release.json')}")


def test_release_whose_record_is_none_is_refused_and_not_tried_for_ever(
    url: str, bucket: Bucket, uploaded: str
) -> None:
    bucket.system.pipe_file(f"{uploaded}/release.json", b"{}")
    with pytest.raises(ReleaseError, match=r"its release\.json is not what a release's is"):
        load_release(f"{url}/latest")


def test_names_that_lead_out_of_a_release_are_refused(url: str, bucket: Bucket, uploaded: str, tmp_path: Path) -> None:
    bucket.system.pipe_file(f"{uploaded}/../../../../out.png", b"x")
    with pytest.raises(ReleaseError, match="it contains a file that no release has"):
        load_release(f"{url}/latest")
    assert not list(tmp_path.rglob("*.png"))


def test_outputs_copied_to_a_disk_are_read_by_the_same_latest(
    job: Uploaded, bucket: Bucket, uploaded: str, tmp_path: Path
) -> None:
    bucket.system.get(f"{bucket.name}/out/odd", str(tmp_path / "odd"), recursive=True)
    assert (tmp_path / "odd" / "latest").is_file()
    assert load_release(tmp_path / "odd" / "latest", verify=True).path == tmp_path / "odd" / "releases" / job[1]
    assert uploaded


def test_copies_that_nobody_used_for_long_are_removed(url: str, uploaded: str) -> None:
    path = load_release(f"{url}/latest").path
    for days, name in ((29, "20200101-000000"), (31, "20200102-000000")):
        shutil.copytree(path, path.with_name(name))
        os.utime(path.with_name(name), times=(time.time() - days * 24 * 3600,) * 2)
    load_release(f"{url}/latest")
    assert {folder.name for folder in path.parent.iterdir() if folder.is_dir()} == {path.name, "20200101-000000"}
    assert uploaded


def test_file_system_with_folders_is_written_too(job: Uploaded, tmp_path: Path) -> None:
    url = f"local://{tmp_path}/out/odd"  # another name of the disk, which a job file has no use for
    remote.prepare(url, job[1])
    remote.upload(*job, url, keep=2)
    assert verify(f"{url}/latest") == len(local_files(job)) - 1
    assert storage.read_json(tmp_path / "out" / "odd" / "releases" / job[1] / "release.json")


def test_job_that_is_elsewhere_is_not_mixed_up(job: Uploaded, url: str, uploaded: str, tmp_path: Path) -> None:
    other: Any = replace(job[0], root=Path(shutil.copytree(job[0].root, tmp_path / "odd", symlinks=True)))
    record = other.releases / job[1] / "release.json"
    record.write_bytes(record.read_bytes() + b"\n")
    remote.upload(other, job[1], f"{url}-2", keep=2)
    assert load_release(f"{url}/latest").path != load_release(f"{url}-2/latest").path and uploaded
