"""What a stranger's release can do to who reads it: nothing. Every checksum in it agrees; its maker saw to that."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import dcgan
from dcgan.config import DataConfig
from dcgan.data.catalogue.inspection import NO_CACHE, inspect_all
from dcgan.data.catalogue.listing import list_unlabelled
from dcgan.errors import ConfigError, ReleaseError
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.release.verify import verify
from dcgan.run.records import Effect, Verdict
from tests.forging import change_manifest, seal, shard_of, sharded
from tests.records import advice, class_evidence, recipe
from tests.victim import Victim

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


def test_honest_release_is_read_verified_and_made_again(release: Path, dcgan: Dcgan, tmp_path: Path) -> None:
    seal(release)
    assert verify(release) == 18
    done = dcgan("regenerate", release, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["largest_difference"] <= 1


# Where it leads to


@pytest.fixture
def requests() -> Iterator[list[str]]:
    """What a web server on loopback is asked for: its own address first, then the requests."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked.append(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield asked
    server.shutdown()
    server.server_close()


SOURCES = [
    "reference://::{server}/refs.json",
    "reference://::file://{folder}/refs.json",
    "{server}/images.npz",
    "github://owner:repo@main/images",
    "zip://images::{server}/images.zip",
    "file://{folder}",
    "{folder}",
    "/proc",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("copied_to_its_place", [False, True])
def test_recorded_source_is_not_opened(
    release: Path, tmp_path: Path, requests: list[str], source: str, copied_to_its_place: bool
) -> None:
    """fsspec up to 2026.4 runs what the templates of a `reference` say."""
    written = tmp_path / "written"
    run_it = "{{ cycler.__init__.__globals__.os.system('touch " + str(written) + "') }}"
    references = {"version": 1, "templates": {"u": run_it, "f": "{{ c }}"}, "refs": {"a/0.png": ["{{ u }}"]}}
    (tmp_path / "refs.json").write_text(json.dumps(references))
    source = source.format(server=requests[0], folder=tmp_path)

    def change(record: dict[str, Any]) -> None:
        record["config"]["data"]["source"] = source
        if copied_to_its_place:  # as if it lay in its job's outputs, but that job has never run here
            record["config"]["outputs"]["root"] = str(tmp_path / "outputs")

    seal(release, change)
    if copied_to_its_place:
        place = tmp_path / "outputs" / "shapes" / "releases" / "20261129-184945"
        place.parent.mkdir(parents=True)
        release = release.rename(place)
    loaded = dcgan.load_release(release, verify=True)
    for read in (loaded.dataset, loaded.real):
        with pytest.raises(ReleaseError, match=r"is not opened: .*pass them as `real=`"):
            read()
    assert len(requests) == 1 and not written.exists()


@pytest.mark.parametrize("url", SOURCES[:2] + SOURCES[3:5])
def test_url_that_runs_something_is_not_opened_for_who_asks_either(
    release: Path, tmp_path: Path, requests: list[str], url: str
) -> None:
    with pytest.raises(ConfigError, match="cannot be opened: the URL contains a"):
        dcgan.load_release(release).real(url.format(server=requests[0], folder=tmp_path))
    assert len(requests) == 1


TRAVERSALS = ["../../../PWNED", "/PWNED", "..", "a/../../PWNED", "01-0000000/../../x", "", "01-0000000\0x"]
PATHS = [
    "../secret.png", "/dev/zero", "/dev/stdin", "images/../../secret.png", "images/01/../../../secret.png", "",
    "images/01/01-0000001.png", "images/NA/NA-0000000.png", "report.html", "../x.tar#a.png", "shards/x.tar#01.png",
    "/dev/zero#0", "images", ".", "images/01/01-0000000.png/", "images//01/01-0000000.png",
]  # fmt: skip


@pytest.mark.parametrize("image_id", TRAVERSALS)
def test_name_that_leads_elsewhere_is_refused(release: Path, image_id: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes((release / "images/01/01-0000000.png").read_bytes())
    change_manifest(release, lambda rows: rows.loc.__setitem__((0, "image_id"), image_id))
    refuse(release, "row 0: image_id is ", "expected '01-0000000'")


@pytest.mark.parametrize("path", PATHS)
def test_path_that_leads_elsewhere_is_refused(release: Path, path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes((release / "images/01/01-0000000.png").read_bytes())
    change_manifest(release, lambda rows: rows.loc.__setitem__((0, "path"), path))
    refuse(release, "row 0: path is ", "expected 'images/01/01-0000000.png'")


def refuse(release: Path, *parts: str) -> None:
    """Everything that needs the manifest says why it cannot be trusted."""
    for read in (lambda: dcgan.load_release(release).arrays(), lambda: verify(release)):
        with pytest.raises(ReleaseError) as refused:
            read()
        for part in parts:
            assert part in str(refused.value)


ROWS: list[tuple[str, Any, str]] = [
    ("label", "NA", "class_index is 0, expected 1"),
    ("label", "nobody", "label is 'nobody', expected a class that ships"),
    ("class_index", 1, "class_index is 1, expected 0"),
    ("class_index", -1, "class_index is -1, expected 0"),
    ("index", 1, "image_id is '01-0000000', expected '01-0000001'"),
    ("index", -1, "index is -1, expected 0 to"),
    ("index", 2**62, "index is 4611686018427387904, expected 0 to"),
    ("split", "test", "split is 'test', expected 'train'"),
    ("height", 10**7, "height is 10000000, expected 8"),
    ("channels", 3, "channels is 3, expected 1"),
    ("run_id", "../../x", "run_id is '../../x'"),
    ("run_id", "20261129-184945\n", "run_id is "),
    ("image_sha256", "x" * 64, "image_sha256 is "),
    ("model_sha256", "0" * 64, "model_sha256 is "),
]


@pytest.mark.parametrize(("column", "value", "told"), ROWS)
def test_row_that_is_not_what_the_format_prescribes_is_refused(
    release: Path, column: str, value: Any, told: str
) -> None:
    change_manifest(release, lambda rows: rows.loc.__setitem__((0, column), value))
    refuse(release, f"row 0: {told}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.iloc[[0, 0, 2, 3, 4, 5, 6, 7, 8]], "row 1: index is 0, expected one after"),
        (lambda rows: rows.iloc[::-1], "row 1: index is "),
        (lambda rows: rows.iloc[:-1], "it has 8 rows, but release.json says 9 images"),
        (lambda rows: rows.iloc[:0], "it has 0 rows, but release.json says 9 images"),
    ],
    ids=["twice", "order", "one less", "none"],
)
def test_rows_that_are_not_those_of_the_record_are_refused(
    release: Path, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    change_manifest(release, change)
    refuse(release, told)


def test_classes_that_share_their_images_otherwise_are_refused(release: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["classes"]["01"]["accepted"], record["classes"]["NA"]["accepted"] = 4, 5

    seal(release, change)
    refuse(release, "class '01' has 5 images, but release.json says 4")


@pytest.mark.parametrize("kind", ["tfrecord", "webdataset"])
@pytest.mark.parametrize("path", ["../x.tar#01-0000000.png", "/dev/zero#0", "images/01/01-0000000.png", "shards/x#0"])
def test_image_in_a_shard_that_is_none_is_refused(release: Path, kind: str, path: str) -> None:
    sharded(release, kind)
    assert verify(release) == 9
    change_manifest(release, lambda rows: rows.loc.__setitem__((0, "path"), path))
    refuse(release, f"row 0: path is {path!r}, expected 'shards/{shard_of(release).name}#")


def test_nothing_is_written_outside_of_out(release: Path, dcgan: Dcgan, tmp_path: Path) -> None:
    change_manifest(release, lambda rows: rows.loc.__setitem__((slice(None), "image_id"), "../../../PWNED"))
    before = sorted(path for path in tmp_path.rglob("*"))
    done = dcgan("regenerate", release, "--out", tmp_path / "deep" / "out")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "deep") == before


# What is as released


def _link(file: Path) -> None:
    """The same bytes from elsewhere, where they can be changed after they were verified."""
    elsewhere = next(parent for parent in file.parents if parent.name == "release").with_name("elsewhere")
    shutil.move(file, elsewhere)
    file.symlink_to(elsewhere)


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _device(file: Path) -> None:
    file.unlink()
    try:
        os.mknod(file, 0o644 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root can make devices")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


KINDS: dict[Callable[[Path], None], str] = {
    _link: "link",
    _pipe: "special file",
    _device: "special file",
    _folder: "folder",
}
FILES = [
    "images/01/01-0000000.png", "report.html", "README.md", "manifest.csv", "manifest.parquet", "models/NA.npz",
    "release.sha256", "release.json",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("put", KINDS)
def test_what_is_no_plain_file_is_a_problem_and_hangs_nothing(
    victim: Victim, release: Path, name: str, put: Callable[[Path], None]
) -> None:
    put(release / name)
    outcome = victim.read("verify", release, timeout=30)
    assert outcome.error == "ReleaseError" and outcome.seconds < 5
    assert f"{Path(name).name} is a {KINDS[put]}, expected a" in outcome.message


@pytest.mark.parametrize("name", ["images", "images/01", "models"])
def test_folder_that_is_a_link_is_a_problem(release: Path, name: str, tmp_path: Path) -> None:
    (release / name).rename(tmp_path / "elsewhere")
    (release / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReleaseError, match=f"\n  {name} is a link, expected a plain folder"):
        verify(release)
    if name != "models":
        with pytest.raises(ReleaseError, match="is a link, expected a folder"):
            dcgan.load_release(release).arrays()


ADDED = ["images/A0/", "images/01/more/", "images/A0/x.png", "images/x.png", "models/x.npz", "shards/", "x/", "x", ".x"]


@pytest.mark.parametrize("name", ADDED)
def test_what_does_not_belong_is_a_problem(release: Path, name: str) -> None:
    """Keras numbers the folders that are there: an empty one shifts every label."""
    if name.endswith("/"):
        (release / name).mkdir()
    else:
        (release / name).parent.mkdir(exist_ok=True)
        (release / name).touch()
    with pytest.raises(ReleaseError, match=r"\(1 problem\):\n  .* does not belong to the release$"):
        verify(release)


def test_deep_folders_that_do_not_belong_are_one_problem(release: Path) -> None:
    """Far deeper than a path may be long, and than functions may call each other."""
    descriptor = os.open(release, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 100, dir_fd=descriptor)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    try:
        with pytest.raises(ReleaseError, match=r"\(1 problem\)"):
            verify(release)
    finally:  # pytest itself could not
        subprocess.run(["rm", "-rf", release], check=True)


# What it says of images without labels


SECRET = "secret.png"
HONEST = {"path": "0.png", "image_sha256": "0" * 64, "label": None, "votes": "5"}


def with_guesses(release: Path, rows: list[dict[str, Any]], count: int | None = None, text: str | None = None) -> Path:
    """Give a release today's format and a list of guessed labels, all of its first class, and seal it."""
    record = dcgan.load_release(release).record
    label = next(iter(record.classes))
    storage.write_text(release / "release.json", record.model_dump_json())
    num_guessed = len(rows) if count is None else count
    evidence = class_evidence(Verdict.SHIPPED, Effect.HELPS, guessed=num_guessed, guessed_share=0.5)
    table = pd.DataFrame(rows, columns=list(HONEST)).assign(label=label)
    (release / "guessed.csv").write_text(table.to_csv(index=False) if text is None else text)

    def change(record: dict[str, Any]) -> None:
        record["files"]["guessed.csv"] = storage.sha256(release / "guessed.csv")
        record["classes"][label]["evidence"] = evidence.model_dump(mode="json")
        record["advice"] = advice(recipe=recipe(guessed=0.5)).model_dump(mode="json")

    return seal(release, change)


@pytest.mark.parametrize("path", [f"../{SECRET}", "{folder}/" + SECRET, f"more/../../{SECRET}", "link.png", "0.png"])
def test_guessed_labels_lead_to_nothing_beyond_the_folder_that_is_named(
    release: Path, tmp_path: Path, path: str
) -> None:
    height, width, _ = dcgan.load_release(release).image_shape
    more = tmp_path / "more"
    more.mkdir()
    Image.new("L", (width, height), 7).save(tmp_path / SECRET)
    Image.new("L", (width, height), 9).save(more / "0.png")
    (more / "link.png").symlink_to(tmp_path / SECRET)
    row = HONEST | {"path": path.format(folder=tmp_path)}
    if SECRET in path:  # even for whoever knows its pixels
        data = DataConfig(source=".", unlabelled=str(tmp_path))
        listed = list_unlabelled(data)
        number = [entry.path for entry in listed.entries].index(SECRET)
        row["image_sha256"] = inspect_all(listed, data, NO_CACHE, no_report)["image_sha256"][number]
    images, labels = dcgan.load_release(with_guesses(release, [row])).guessed(more)
    assert not len(images) and not len(labels), "whoever does not know an image's pixels does not get it"


@pytest.mark.parametrize(
    ("rows", "changes", "problem"),
    [
        ([HONEST], {"count": 2}, "other numbers of images"),
        ([HONEST, HONEST], {}, "no two the same"),
        ([HONEST, HONEST | {"image_sha256": "1" * 64}], {}, "a path is there twice"),
        ([HONEST | {"image_sha256": "0" * 63}], {}, "SHA-256"),
        ([HONEST], {"text": "path,label\n0.png,a\n"}, "expected the columns"),
        ([HONEST], {"text": ""}, "not enough values"),
        ([HONEST], {"text": "path,image_sha256,label,votes\n1,2\n"}, "columns"),
        ([HONEST], {"text": 'path,image_sha256,label,votes\n"' + "a" * 200_000 + '",2,3,4\n'}, "field larger"),
        ([HONEST], {"text": 'path,image_sha256,label,votes\n"1'}, "unexpected end"),
    ],
)
def test_list_of_guessed_labels_that_is_none_is_refused(
    release: Path, tmp_path: Path, rows: list[dict[str, Any]], changes: dict[str, Any], problem: str
) -> None:
    loaded = dcgan.load_release(with_guesses(release, rows, **changes), verify=True)
    with pytest.raises(ReleaseError, match=problem):
        loaded.guessed(tmp_path)


def test_place_of_images_without_labels_that_a_release_records_is_not_opened(release: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["config"]["data"]["unlabelled"] = "reference://::file:///x"

    seal(with_guesses(release, [HONEST]), change)
    loaded = dcgan.load_release(release)
    assert loaded.config.data.unlabelled == "reference://::file:///x"
    with pytest.raises(ReleaseError, match=r"is not opened: 'reference:.*`unlabelled=`"):
        loaded.guessed()
    with pytest.raises(ConfigError, match="cannot be opened: the URL contains a"):
        loaded.guessed("reference://::file:///x")
    assert loaded.dataset((np.zeros((1, *loaded.image_shape), np.uint8), np.zeros(1, np.int64)), guessed=False)
