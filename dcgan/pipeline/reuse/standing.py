"""A night on which nothing has changed: the release that stands already."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from dcgan.config import JobConfig
from dcgan.files import storage
from dcgan.pipeline.reuse.comparing import fingerprints_of
from dcgan.release import remote
from dcgan.release.publish import remove_old
from dcgan.release.verify import missing
from dcgan.run import outcome, runs
from dcgan.run.paths import Run

log = logging.getLogger(__name__)


def standing_release(run: Run, job: JobConfig) -> dict[str, Any] | None:
    """The record of the release that `latest` names, where a run would only make it again; None where not.

    It would when everything is as it was (`dcgan.pipeline.fingerprints`), no class had failed, and the release is
    whole. Releases over `outputs.keep` are removed all the same.

    Raises:
        ConfigError, InputError: as for `planning.split`.
    """
    if run.fingerprints.exists():  # it was begun for what had changed, and may have been killed after its release
        return None
    table, catalogue = pd.read_parquet(run.catalogue_table), storage.read_json(run.catalogue_record)
    prints, _, _ = fingerprints_of(job, table, catalogue)
    latest = run.job.latest
    if storage.read_json(run.record).get("fresh", False) or not (latest / "release.json").exists():
        return None
    record: dict[str, Any] = storage.read_json(latest / "release.json")
    same = record.get("fingerprints", {}).get("release") == prints["release"]
    if not same or any(entry["verdict"] == "failed" for entry in record["classes"].values()):
        return None
    folder, url = latest.resolve(), runs.job_url(job)
    if lacking := missing(folder):
        log.info("Nothing has changed, but release %s is not whole, and is made again: %s", folder.name, lacking)
        return None
    if url and not remote.names(url, folder.name):
        log.info("Nothing has changed, but %s does not have release %s", url, folder.name)
        return None
    remove_old(run.job, folder, job.outputs.keep)
    log.info("Nothing has changed since run %s: its release stays", folder.name)
    release = f"{url}/releases/{folder.name}" if url else str(folder)
    where = {"release": release, "latest": f"{url}/latest" if url else str(latest), "report": f"{release}/report.html"}
    where["samples"] = str(run.job.run(folder.name).sample_grid)
    ended = {
        "state": outcome.UNCHANGED,
        "started": storage.read_json(run.record)["started"],
        "finished": runs.now(),
    }
    return record | ended | where
