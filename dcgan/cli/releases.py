"""Commands that read releases."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dcgan import outcome
from dcgan.release.reader import load_release
from dcgan.release.verify import verify as verify_release
from dcgan.terminal import counted, display


def verify(path: Path, *, as_json: bool) -> int:
    """Check a release; a mismatch is raised as an error."""
    with display.live():
        checked = verify_release(
            path, lambda done, total: display.update({"stage": "verify", "done": done, "total": total, "unit": "files"})
        )
    if as_json:
        click.echo(json.dumps({"verified": True, "files": checked}))
    else:
        click.echo(
            f"{path}: {counted(checked, 'file')} {'is as it was' if checked == 1 else 'are as they were'} released"
        )
    return 0


def report(path: Path, *, as_json: bool) -> int:
    """Print a release's verdicts and where its report is."""
    release = load_release(path)
    if as_json:
        click.echo(json.dumps(release.record, ensure_ascii=False))
        return 0
    click.echo(f"{release.record['state']}")
    for label, entry in release.record["classes"].items():
        click.echo(f"  {label}: {outcome.released(entry)} synthetic, {outcome.told_verdict(entry)}, {entry['reason']}")
    click.echo(f"Report: {release.path / 'report.html'}")
    return 0
