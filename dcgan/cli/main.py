"""`dcgan`: the commands, and what the process ends with.

Exit status: 0 done; 1 failed; 2 config or usage; 3 done, some classes withheld, short or failed; 130 interrupted,
resumable.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from dcgan import extras
from dcgan.cli.groups import GroupedCommands, complete_folder, complete_key
from dcgan.execution.garbage import without_collection
from dcgan.pipeline import stages

JOB_FILE = click.argument("job_file", metavar="JOB.YAML", type=click.Path(path_type=Path))
RELEASE = click.argument("release", metavar="RELEASE", shell_complete=complete_folder)
REHASH = click.option("--rehash", is_flag=True, help="Open every image again, even if it seems unchanged.")
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_key,
    help="Override one key of the job file, such as generation.per_class=200. Can be repeated.",
)
NO_TIMING = click.option(
    "--no-timing",
    "timing",
    flag_value=False,
    default=True,
    help="Time no steps: say how long a run takes only if an earlier one tells.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print a machine-readable summary on standard output.")
ENDS = ("completion", "failure", "crash")
NOTIFY = click.option(
    "--notify",
    multiple=True,
    metavar="BLOCK",
    help="Prefect block to notify, such as slack-webhook/my-team. Can be repeated.",
)
CLASS = click.option("--class", "labels", multiple=True, metavar="NAME", help="Only this class. Can be repeated.")


def _as_given(job_file: Path, overrides: tuple[str, ...]) -> str:
    """Job file and settings, to repeat in a command that helps."""
    return shlex.join([str(job_file), *(part for override in overrides for part in ("--set", override))])


def _stage_command(name: str, text: str) -> click.Command:
    """The command that performs the stages that declare it."""

    @click.command(name, help=f"{text}\n\n\b\nExample:\n  dcgan {name} job.yaml --class cat")
    @JOB_FILE
    @SET
    @CLASS
    @JSON
    def perform(job_file: Path, overrides: tuple[str, ...], labels: tuple[str, ...], as_json: bool) -> int:
        from dcgan.cli import stages
        from dcgan.config import load_job

        given = _as_given(job_file, overrides)
        return stages.run_stages(name, load_job(job_file, overrides), labels, given=given, as_json=as_json)

    return perform


class _Commands(GroupedCommands):
    """The commands below, and those that stages declare."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *stages.commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if declared := stages.commands().get(cmd_name):
            return _stage_command(cmd_name, declared[0].help)
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="dcgan-augment")
def commands() -> None:
    """Make up for rare classes: train one DCGAN per class, generate exactly N labelled images, release what helps.

    \b
    Examples:
      dcgan demo                                 on digits, about five minutes
      dcgan init images/                         looks at them, writes job.yaml
      dcgan run job.yaml                         the whole job; again: resumes it
      dcgan serve job.yaml --cron "0 2 * * *"    every night at two
      dcgan report outputs/signs/latest --open   in the morning

    \b
    Exit status: 0 done; 1 failed; 2 config or usage; 3 done, but some classes
    were withheld, short or failed (named); 130 interrupted (run again to resume).

    \b
    Completion in bash, and with zsh_source or fish_source in these shells:
      eval "$(_DCGAN_COMPLETE=bash_source dcgan)"
    """


@commands.command()
@JOB_FILE
@SET
@JSON
@REHASH
@click.option("--fresh", is_flag=True, help="Reuse nothing from earlier runs: train and measure everything again.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop, as `check` does.")
def run(job_file: Path, overrides: tuple[str, ...], as_json: bool, rehash: bool, fresh: bool, dry_run: bool) -> int:
    """Run the whole job, or resume its interrupted run.

    \b
    Examples:
      dcgan run job.yaml
      dcgan run job.yaml --set training.preset=quick
    """
    from dcgan.cli import work
    from dcgan.config import load_job

    job = load_job(job_file, overrides)
    if dry_run:
        return work.check(job, given=_as_given(job_file, overrides), as_json=as_json, rehash=rehash, fresh=fresh)
    return work.run(job, as_json=as_json, rehash=rehash, fresh=fresh)


@commands.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("outputs"), show_default=True, help="Output folder."
)
@SET
@JSON
def demo(out: Path, overrides: tuple[str, ...], as_json: bool) -> int:
    """Run the whole job on 5,000 real handwritten digits.

    MNIST digits, made long-tailed. About five minutes on two cores.

    \b
    Example:
      dcgan demo --out ~/dcgan
    """
    from dcgan.config import load_job
    from dcgan.data.demo import write_demo

    job = load_job(write_demo(out), overrides)  # first, since its error names the extra that brings all of it
    from dcgan.cli import work

    return work.run(job, as_json=as_json)


@commands.command()
@JOB_FILE
@SET
@JSON
@REHASH
@NO_TIMING
def check(job_file: Path, overrides: tuple[str, ...], as_json: bool, rehash: bool, timing: bool) -> int:
    """Show the plan, its time, costs and problems; write nothing.

    \b
    Example:
      dcgan check job.yaml --set generation.balance=median
    """
    from dcgan.cli import work
    from dcgan.config import load_job

    job = load_job(job_file, overrides)
    return work.check(job, given=_as_given(job_file, overrides), as_json=as_json, rehash=rehash, timing=timing)


@commands.command()
@click.argument("source", metavar="SOURCE")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("job.yaml"), show_default=True, help="Job file to write."
)
@SET
@NO_TIMING
def init(source: str, out: Path, overrides: tuple[str, ...], timing: bool) -> int:
    """Write a job file for a folder, table or array file.

    Looks at the images, and says what was found and why. Overwrites nothing.

    \b
    Examples:
      dcgan init images/
      dcgan init train.csv --set data.images=photos/ --out signs.yaml
    """
    from dcgan.cli.init import init as write_job

    return write_job(source, out, overrides, timing=timing)


@commands.command()
@RELEASE
@JSON
def verify(release: str, as_json: bool) -> int:
    """Check every byte of a release against its checksums.

    \b
    Example:
      dcgan verify outputs/signs/latest
    """
    from dcgan.cli import releases

    return releases.verify(release, as_json=as_json)


@commands.command()
@RELEASE
@click.option("--open", "in_browser", is_flag=True, help="Open the report in the browser.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the report again, with the nights since."
)
@JSON
def report(release: str, in_browser: bool, out: Path | None, as_json: bool) -> int:
    """Show a release's verdicts, and where its report is.

    \b
    Examples:
      dcgan report outputs/signs/latest --open
      dcgan report outputs/signs/latest --out trend.html
    """
    from dcgan.cli import releases

    return releases.report(release, out, in_browser=in_browser, as_json=as_json)


@commands.command()
@click.argument("job", metavar="JOB", type=click.Path(path_type=Path))
@click.option(
    "--tensorboard",
    "logs",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Also write the nights as TensorBoard scalars, to a folder of the job's name in this one.",
)
@JSON
def history(job: Path, logs: Path | None, as_json: bool) -> int:
    """List a job's finished runs, night by night.

    JOB is a job file, or the job's folder of outputs.

    \b
    Examples:
      dcgan history job.yaml
      dcgan history job.yaml --tensorboard logs/
    """
    from dcgan.cli import history as nights

    return nights.show(job, logs, as_json=as_json)


@commands.command()
@RELEASE
@click.option("--id", "image_ids", multiple=True, metavar="IMAGE_ID", help="Only this image. Can be repeated.")
@click.option(
    "--out", metavar="FOLDER", type=click.Path(path_type=Path), help="Folder to write them to; it must not exist."
)
@JSON
def regenerate(release: str, image_ids: tuple[str, ...], out: Path | None, as_json: bool) -> int:
    """Make a release's images again, and compare them.

    \b
    Examples:
      dcgan regenerate outputs/signs/latest
      dcgan regenerate outputs/signs/latest --id five-0000017 --out again/
    """
    from dcgan.cli import releases

    return releases.regenerate(release, image_ids, out, as_json=as_json)


@commands.command()
@RELEASE
@click.option("--count", type=click.IntRange(min=1), metavar="N", required=True, help="Images of each class.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write; it must not exist.",
)
@CLASS
@JSON
def sample(release: str, count: int, out: Path, labels: tuple[str, ...], as_json: bool) -> int:
    """Make more images with a release's models.

    Needs no training data.

    \b
    Example:
      dcgan sample outputs/signs/latest --class five --count 200 --out more/
    """
    from dcgan.cli import releases

    return releases.sample(release, labels, count, out, as_json=as_json)


@commands.command()
@JOB_FILE
@SET
@click.option("--cron", default="0 2 * * *", show_default=True, help="When to run: minute hour day month weekday.")
@click.option("--timezone", default="UTC", show_default=True, help='IANA name, such as "Europe/Berlin".')
@click.option(
    "--overlap",
    type=click.Choice(["wait", "cancel"]),
    default="wait",
    show_default=True,
    help="What to do when a run is due while the previous one is still running.",
)
@NOTIFY
@click.option(
    "--notify-on",
    type=click.Choice(ENDS),
    multiple=True,
    default=ENDS,
    show_default=True,
    help="Only for runs that end this way. Can be repeated.",
)
def serve(job_file: Path, overrides: tuple[str, ...], **options: Any) -> int:
    """Run the job on a schedule, such as every night.

    Registers the schedule with a Prefect server and stays to run it, until Ctrl-C.

    \b
    Example:
      dcgan serve job.yaml --cron "0 2 * * *" --timezone Europe/Berlin
    """
    with without_collection():  # a quarter of the time that it takes to load Prefect
        from dcgan.flows.serving import serve as serve_flow

    serve_flow(job_file, overrides, **options)
    return 0


@commands.command()
@click.option(
    "--silence",
    type=click.IntRange(min=1),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Time without a sign of life after which a run counts as crashed.",
)
@NOTIFY
def automate(silence: int, notify: tuple[str, ...]) -> int:
    """Mark runs whose machine has died as crashed.

    Sets up automations on the Prefect server, which also notify about runs that nobody starts.

    \b
    Example:
      dcgan automate --silence 900 --notify slack-webhook/my-team
    """
    from dcgan.flows.automations import automate as set_up
    from dcgan.terminal import echo

    for line in set_up(silence, notify):
        echo(line)
    return 0


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    waits = True
    try:
        with extras.needed_for("this command"):
            status = commands.main(arguments, prog_name="dcgan", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        status = exit_.exit_code
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        from dcgan.cli.stopping import INTERRUPTED
        from dcgan.errors import Interrupted

        click.echo(INTERRUPTED, err=True)
        status = Interrupted.exit_status
    except Exception as error:
        from dcgan.cli.stopping import LeftBehind
        from dcgan.errors import DcganError, Interrupted
        from dcgan.terminal import echo

        if not isinstance(error, DcganError):
            raise
        echo(str(error) if isinstance(error, Interrupted) else f"Error: {error}", err=True)
        status, waits = error.exit_status, not isinstance(error, LeftBehind)
    _end(status, waits=waits)


def _end(status: int, *, waits: bool) -> NoReturn:
    """End the process.

    Args:
        status: its exit status.
        waits: for what threads and libraries still have to do, but for that of the next signal.
    """

    def end(*_: object) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    if not waits:
        end()
    sys.exit(status)
