"""Publishing: a release is written aside, whole, and appears in one rename; `latest` moves last.

Its files are copies of the run's, never second names of them: what is written into a run's file would be in the release
too, and no mode keeps root from writing. A copy of a small PNG takes some 0.2 ms, a second name a third of that
(benchmarks/release.py): either is little beside making the image.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcgan.config import JobConfig
from dcgan.errors import StageError
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.release import formats
from dcgan.release.card import dataset_card
from dcgan.release.croissant import describe
from dcgan.release.holding import remove_unless_held
from dcgan.release.manifest import ManifestWriter, class_rows
from dcgan.report import write_report
from dcgan.run.outcome import released
from dcgan.run.paths import Job, Run

log = logging.getLogger(__name__)


def publish(run: Run, config: JobConfig, outcome: Mapping[str, Any]) -> Path:
    """Write the run's release, point `latest` at it, and remove releases over `outputs.keep` that nobody reads.

    Args:
        run: with every class of verdict "shipped" generated.
        config: resolved.
        outcome: see `dcgan.run.outcome`.

    Returns:
        The release's folder.

    Raises:
        StageError: an image is missing, or has changed since it was made.
        StorageError: when the system refuses to write; what was released before is as it was.
    """
    job = run.job
    folder = job.releases / run.id
    job.releases.mkdir(exist_ok=True)
    storage.remove_unfinished(job.releases)
    if not folder.exists():
        shipped = [label for label, entry in outcome["classes"].items() if entry["verdict"] == "shipped"]
        with storage.whole_folder(folder) as temporary:
            (temporary / "models").mkdir()
            for label in shipped:
                shutil.copyfile(run.model(label), temporary / "models" / f"{escape(label)}.npz")
            _write_images(run, config, outcome["classes"], shipped, temporary)
            (temporary / "README.md").write_text(dataset_card(config, outcome), encoding="utf-8")
            write_report(run, config, outcome, temporary / "report.html")
            files = _checksums(temporary)
            storage.write_json(temporary / "croissant.json", describe(config, outcome, files))
            files["croissant.json"] = storage.sha256(temporary / "croissant.json")
            release = {"format": 1, **outcome, "config": config.model_dump(mode="json"), "files": files}
            storage.write_json(temporary / "release.json", release)
            digest = storage.sha256(temporary / "release.json")
            # In the form that `sha256sum --check` reads.
            storage.write_text(temporary / "release.sha256", f"{digest}  release.json\n")
            _make_read_only(temporary)
    storage.replace_symlink(job.latest, f"{job.releases.name}/{folder.name}")
    remove_old(job, folder, config.outputs.keep)
    return folder


def _write_images(
    run: Run, config: JobConfig, classes: Mapping[str, Mapping[str, Any]], shipped: Sequence[str], folder: Path
) -> None:
    """Images and manifest, one class after the other."""
    num_images = sum(released(classes[label]) for label in shipped)
    index_of = {label: number for number, label in enumerate(classes)}
    with (
        ManifestWriter(folder, image_folder=config.outputs.format == "files") as manifest,
        formats.writer(config.outputs.format, folder, f"{config.name}-{run.id}", num_images) as write,
    ):
        for label in shipped:
            for rows in class_rows(run, label, index_of[label]):
                paths = [write(row, _image(run, row)) for row in rows.to_dict("records")]
                manifest.add(rows.assign(path=paths))


def _image(run: Run, row: formats.Row) -> bytes:
    """A generated image's PNG."""
    folder = run.generation(row["label"])
    file = folder / "images" / f"{row['image_id']}.png"
    png = file.read_bytes() if file.exists() else b""
    if storage.sha256_bytes(png) != row["image_sha256"]:
        raise StageError(
            f"class {row['label']!r}: {file} is missing, or has changed since it was made. Delete {folder} and run "
            "the job again: it makes the same images."
        )
    return png


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file so far, by path; those of `images/` stand in the manifest, a million if need be."""
    return {
        path.relative_to(folder).as_posix(): storage.sha256(path)
        for top in sorted(folder.iterdir())
        if top.name != "images"
        for path in (sorted(top.iterdir()) if top.is_dir() else [top])
    }


def _make_read_only(folder: Path) -> None:
    """Take the permission to write from every file, whoever had it."""
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            file.chmod(file.stat().st_mode & 0o555)


def remove_old(job: Job, newest: Path, keep: int) -> None:
    """Remove all but the newest `keep` releases; one that is being read stays until a later night."""
    others = sorted(path for path in job.releases.iterdir() if path.is_dir() and path != newest)
    for old in others[: -keep + 1 or None]:
        try:
            if not remove_unless_held(old):
                log.info("Release %s is over outputs.keep and is being read: it stays for now", old.name)
        except OSError as error:
            log.warning("release %s is over outputs.keep and cannot be removed: %s", old.name, error)
