"""A night on which nothing has changed: the existing release stays."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.pipeline.reuse.comparing import fingerprints_of
from dcgan.release import remote
from dcgan.release.folder import Folder
from dcgan.release.keeping import remove_old
from dcgan.release.record import read_record
from dcgan.release.verify import missing
from dcgan.run import records, runs, sentences
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, Ending, ReleaseRecord, RunRecord, RunResult, Verdict

log = logging.getLogger(__name__)


def standing_release(run: Run, job: ResolvedJob) -> RunResult | None:
    """The result of the release that `latest` names, if a run would only make it again; else None.

    That is so if nothing has changed (`dcgan.pipeline.fingerprints`), no class had failed, and the release is complete.
    Releases beyond `outputs.keep` are removed in any case.

    Raises:
        ConfigError, InputError: as for `planning.split`.
    """
    if run.fingerprints.exists():  # the run was started for a change, and may have been killed after its release
        return None
    table, catalogue = pd.read_parquet(run.catalogue_table), records.read(run.catalogue_record, CatalogueRecord)
    fingerprints, _, _ = fingerprints_of(job, table, catalogue)
    latest, begun = run.job.latest, records.read(run.record, RunRecord)
    record = _released(latest)
    if begun.fresh or record is None:
        return None
    same = record.fingerprints is not None and record.fingerprints.release == fingerprints.release
    if not same or any(outcome.verdict is Verdict.FAILED for outcome in record.classes.values()):
        return None
    folder, url = latest.resolve(), runs.job_url(job)
    if lacking := missing(folder):
        log.info("Nothing has changed, but release %s is incomplete, and is made again: %s", folder.name, lacking)
        return None
    if url and not remote.names(url, folder.name):
        log.info("Nothing has changed, but %s does not have release %s", url, folder.name)
        return None
    remove_old(run.job, folder, job.outputs.keep)
    log.info("Nothing has changed since run %s: its release stays", folder.name)
    release = f"{url}/releases/{folder.name}" if url else str(folder)
    now = {"ending": Ending.UNCHANGED, "state": sentences.UNCHANGED, "started": begun.started, "finished": runs.now()}
    return RunResult(
        **dict(record) | now,
        samples=str(run.job.run(folder.name).sample_grid),
        report=f"{release}/report.html",
        release=release,
        latest=f"{url}/latest" if url else str(latest),
    )


def _released(folder: Path) -> ReleaseRecord | None:
    """A release's record; None if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        return read_record(Folder(folder))
    return None
