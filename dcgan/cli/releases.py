"""Commands that read releases."""

from __future__ import annotations

import dataclasses
import webbrowser
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from dcgan.errors import ReleaseError
from dcgan.execution.determinism import wake_tensorflow
from dcgan.files import storage
from dcgan.release.reader import Release, load_release
from dcgan.release.remote import locate
from dcgan.release.verify import verify as verify_release
from dcgan.run import sentences
from dcgan.run.paths import Run
from dcgan.terminal import display, echo, echo_json
from dcgan.text import counted

MAX_DIFFERENCE = 1  # of 255: on other processors and thread counts, sums are rounded otherwise


def verify(path: str | Path, *, as_json: bool) -> int:
    """Check a release; a mismatch is raised as an error."""
    with display.live():
        checked = verify_release(path, display.update)
    if as_json:
        echo_json({"verified": True, "files": checked})
    else:
        echo(f"{path}: {counted(checked, 'file')} {'is as it was' if checked == 1 else 'are as they were'} released")
    return 0


def report(path: str | Path, out: Path | None, *, in_browser: bool, as_json: bool) -> int:
    """Print a release's verdicts and where its report is.

    Args:
        path: the release.
        out: file to write the report to anew, as this version draws it and with the nights since; a release itself
            never changes.
        in_browser: open the report, the new one where there is one.
        as_json: print the release's record instead.

    Raises:
        ReleaseError: `out` is given and the run's folder, which has the pictures, is gone.
        StorageError: `out` cannot be written.
    """
    release = _open(path)
    file = release.path / "report.html"
    if out:
        run = Run(release.path.parents[1] / "runs" / release.path.name)
        if not run.split_record.exists():
            raise ReleaseError(
                f"{run.root} is gone, and with it what a report is drawn from (outputs.keep says how many runs stay). "
                f"The release has its report as of its night: {file}"
            )
        from dcgan.report import write_report  # it imports Matplotlib

        write_report(run, release.config, release.record, out)
        file = out
    if in_browser and not webbrowser.open(file.resolve().as_uri()):
        echo(f"No browser was found here to open {file}", err=True)
    if as_json:
        echo_json(release.record.model_dump(mode="json"))
        return 0
    echo(release.record.state)
    for label, outcome in release.record.classes.items():
        echo(f"  {label}: {outcome.released} synthetic, {sentences.verdict(outcome)}, {outcome.reason}")
    echo(f"Report: {file}")
    return 0


def regenerate(path: str | Path, image_ids: Sequence[str], out: Path | None, *, as_json: bool) -> int:
    """Make images of a release again and compare; an image that is another one is raised as an error."""
    if out:
        _require_new(out)
    release = _open(path)
    module = _regenerating(release)
    total = len(image_ids) or len(release.manifest)
    exact, largest, number = 0, 0, 0
    with display.live(), storage.whole_folder(out) if out else nullcontext() as folder:
        for number, image in enumerate(module.regenerate(release, image_ids), start=1):
            if folder:
                (folder / image.path).parent.mkdir(parents=True, exist_ok=True)
                (folder / image.path).write_bytes(image.png)
            exact += image.same_bytes
            largest = max(largest, image.difference)
            if largest > MAX_DIFFERENCE:
                raise ReleaseError(f"{image.image_id} comes out otherwise: a value differs by {largest} of 255")
            display.update({"stage": "regenerate", "done": number, "total": total, "unit": "images"})
    if as_json:
        echo_json({"images": number, "same_bytes": exact, "largest_difference": largest})
        return 0
    how = "byte for byte as released" if exact == number else f"{exact:,} of them byte for byte as released"
    echo(f"{path}: {counted(number, 'image')} made again, {how}")
    if exact < number:
        made_on = release.record.gpus or release.record.processor
        echo(
            f"The others differ by {largest} of 255 at most. Bytes depend on processor, versions and thread count: "
            f"the release was made with {counted(release.record.threads, 'thread')} on {made_on}"
        )
    return 0


def sample(path: str | Path, labels: Sequence[str], count: int, out: Path, *, as_json: bool) -> int:
    """Make more images with a release's models."""
    _require_new(out)
    release = _open(path)
    module = _regenerating(release)
    shipped = [label for label, entry in release.record.classes.items() if entry.released]
    with display.live():
        made = module.sample(
            release,
            dict.fromkeys(labels or shipped, count),
            out,
            display.update,
        )
    if as_json:
        echo_json({label: dataclasses.asdict(of_class) for label, of_class in made.items()})
        return 0
    for label, of_class in made.items():
        rejected = "".join(f"; {number} {reason}" for reason, number in of_class.rejected.items())
        echo(f"Class {label}: {counted(of_class.accepted, 'image')}{rejected}")
    echo(f"Images and manifest: {out}. They have not been evaluated: expect the release's quality, no more.")
    return 0


def _open(path: str | Path) -> Release:
    with display.live():
        return load_release(locate(path, display.update))


def _require_new(folder: Path) -> None:
    if folder.exists():
        raise ReleaseError(f"{folder} exists: choose a folder that does not, so that nothing is mixed or lost")


def _regenerating(release: Release) -> ModuleType:
    """`dcgan.release.regenerate`, with TensorFlow set up as for the release: the bytes depend on it."""
    wake_tensorflow(release.record.threads)
    from dcgan.release import regenerate  # it imports TensorFlow

    return regenerate
