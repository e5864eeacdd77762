"""How many releases stay: those over `outputs.keep` are removed, the oldest first.

A module of its own, since a night on which nothing changed needs this, and nothing of what publishing needs.
"""

from __future__ import annotations

import logging
from pathlib import Path

from dcgan.release.holding import remove_unless_held
from dcgan.run import history
from dcgan.run.paths import JobFolder

log = logging.getLogger(__name__)


def remove_old(job: JobFolder, newest: Path, keep: int) -> None:
    """Remove all but the newest `keep` releases; one that is being read stays until a later night."""
    others = [path.name for path in job.releases.iterdir() if path.is_dir() and path != newest]
    for old in (job.releases / name for name in history.over_keep(job, others, keep)):
        try:
            if not remove_unless_held(old):
                log.info("Release %s is over outputs.keep but is being read, so it stays for now", old.name)
        except OSError as error:
            log.warning("release %s is over outputs.keep and cannot be removed: %s", old.name, error)
