"""Publishing: a release is written aside, whole, and appears in one rename; `latest` moves last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan import storage
from dcgan.config import JobConfig
from dcgan.paths import Run, escape
from dcgan.release.card import dataset_card
from dcgan.release.manifest import build_manifest, write_manifest
from dcgan.report import write_report


def publish(run: Run, config: JobConfig, outcome: Mapping[str, Any]) -> Path:
    """Write the run's release, point `latest` at it, and remove releases over `outputs.keep`.

    Args:
        run: with every class of verdict "shipped" generated.
        config: resolved.
        outcome: see `dcgan.outcome`.

    Returns:
        The release's folder.

    Raises:
        StorageError: when the system refuses to write; what was released before is as it was.
    """
    job = run.job
    folder = job.releases / run.id
    job.releases.mkdir(exist_ok=True)
    storage.remove_unfinished(job.releases)
    if not folder.exists():
        shipped = [label for label, entry in outcome["classes"].items() if entry["verdict"] == "shipped"]
        with storage.whole_folder(folder) as temporary:
            for label in shipped:
                _link_tree(run.generation(label) / "images", temporary / "images" / escape(label))
                (temporary / "models").mkdir(exist_ok=True)
                _link(run.model(label), temporary / "models" / f"{escape(label)}.npz")
            write_manifest(build_manifest(run, outcome["classes"], shipped), temporary)
            (temporary / "README.md").write_text(dataset_card(config, outcome), encoding="utf-8")
            write_report(run, config, outcome, temporary / "report.html")
            files = {
                path.relative_to(temporary).as_posix(): storage.sha256(path)
                for path in sorted(temporary.rglob("*"))
                if path.is_file()
            }
            release = {"format": 1, **outcome, "config": config.model_dump(mode="json"), "files": files}
            storage.write_json(temporary / "release.json", release)
    storage.replace_symlink(job.latest, f"{job.releases.name}/{folder.name}")
    for old in sorted(path for path in job.releases.iterdir() if path != folder)[: -config.outputs.keep + 1 or None]:
        shutil.rmtree(old)
    return folder


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        _link(path, target / path.name)


def _link(source: Path, target: Path) -> None:
    """A second name for the same bytes where the file system can, a copy where it cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
