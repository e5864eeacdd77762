"""How the commands are shown: by what one wants to do, each summary whole; and how a shell completes what they take."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

GROUPS = {
    "Try it": ("demo", "init", "check"),
    "Run a job": ("run", "train", "generate", "evaluate", "release"),
    "Every night": ("serve", "automate", "history"),
    "Use a release": ("report", "verify", "sample", "regenerate"),
}


class GroupedCommands(click.Group):
    """Commands in the order and under the headings of `GROUPS`."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group with the summaries of its commands, however long these are."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in GROUPS.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), _summary(command)) for name, command in found])


def _summary(command: click.Command) -> str:
    """The first paragraph of a command's help, without its full stop."""
    return " ".join((command.help or "").partition("\n\n")[0].split()).removesuffix(".")


def complete_folder(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A folder, by the shell's own means."""
    return [CompletionItem(incomplete, type="dir")]


def complete_key(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keys of a job file that begin so; nothing after the `=`."""
    from dcgan.config import fields

    if "=" in incomplete:
        return []
    return [CompletionItem(f"{key}=") for key, _ in fields() if key.startswith(incomplete)]
