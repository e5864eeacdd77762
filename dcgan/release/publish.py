"""Publishing: a release is written aside, whole, and appears in one rename; `latest` moves last.

Its files are copies of the run's, never second names of them: what is written into a run's file would be in the release
too, and no mode keeps root from writing. A copy of a small PNG takes some 0.2 ms, a second name a third of that
(benchmarks/release.py): either is little beside making the image.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dcgan.config import ResolvedJob
from dcgan.errors import StageError
from dcgan.execution import interruption
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.release import formats, guessed
from dcgan.release.card import dataset_card
from dcgan.release.croissant import describe
from dcgan.release.keeping import remove_old
from dcgan.release.manifest import ManifestWriter, class_rows
from dcgan.report import write_report
from dcgan.run import records
from dcgan.run.paths import BASE_FILES, Run
from dcgan.run.records import ReleaseRecord, RunSummary


def publish(run: Run, job: ResolvedJob, summary: RunSummary) -> Path:
    """Write the run's release, point `latest` at it, and remove releases over `outputs.keep` that are not being read.

    Args:
        run: with every class of verdict "shipped" generated.
        job: resolved.
        summary: of the run.

    Returns:
        The release's folder.

    Raises:
        StageError: an image is missing, or has changed since it was made.
        StorageError: when the system refuses to write; what was released before is as it was.
        Interrupted: the run was stopped.
    """
    places = run.job
    folder = places.releases / run.id
    places.releases.mkdir(exist_ok=True)
    storage.remove_unfinished(places.releases)
    if not folder.exists():
        with storage.whole_folder(folder) as temporary:
            (temporary / "models").mkdir()
            for label in summary.shipped:
                shutil.copyfile(run.model(label), temporary / "models" / f"{escape(label)}.npz")
            if job.outputs.base and all((run.base / name).exists() for name in BASE_FILES):
                (temporary / "base").mkdir()
                for name in BASE_FILES:
                    shutil.copyfile(run.base / name, temporary / formats.base_path(name))
            _write_images(run, job, summary, temporary)
            guessed.write(run, summary, temporary)
            (temporary / "README.md").write_text(dataset_card(job, summary), encoding="utf-8")
            write_report(run, job, summary, temporary / "report.html")
            interruption.raise_if_requested("publishing the release")
            files = _checksums(temporary)
            storage.write_json(temporary / "croissant.json", describe(job, summary, files))
            files["croissant.json"] = storage.sha256(temporary / "croissant.json")
            release = ReleaseRecord(**dict(summary), config=job.model_dump(mode="json"), files=files)
            records.write(temporary / "release.json", release)
            digest = storage.sha256(temporary / "release.json")
            # In the form that `sha256sum --check` reads.
            storage.write_text(temporary / "release.sha256", f"{digest}  release.json\n")
            _make_read_only(temporary)
    storage.replace_symlink(places.latest, f"{places.releases.name}/{folder.name}")
    remove_old(places, folder, job.outputs.keep)
    return folder


def _write_images(run: Run, job: ResolvedJob, summary: RunSummary, folder: Path) -> None:
    """Images and manifest, one class after the other."""
    with (
        ManifestWriter(folder, image_folder=job.outputs.format == "files") as manifest,
        formats.writer(job.outputs.format, folder, f"{job.name}-{run.id}", summary.released) as write,
    ):
        for label in summary.shipped:
            for rows in class_rows(run, label, summary.classes[label].class_index):
                interruption.raise_if_requested("publishing the release")
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
    """SHA-256 of each file so far, by path; those of `images/` are in the manifest, since there may be a million."""
    return {
        path.relative_to(folder).as_posix(): storage.sha256(path)
        for top in sorted(folder.iterdir())
        if top.name != "images"
        for path in (sorted(top.iterdir()) if top.is_dir() else [top])
    }


def _make_read_only(folder: Path) -> None:
    """Make every file read-only for everyone."""
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            file.chmod(file.stat().st_mode & 0o555)
