"""How the help lists commands, by what one wants to do, and how a shell completes their arguments."""

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
    """Commands in the order and under the headings of `GROUPS`, any others last."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group with the summaries of its commands, however long these are."""
        listed = self.list_commands(ctx)
        others = set(listed).difference(*GROUPS.values())
        for heading, names in {**GROUPS, "Others": sorted(others)}.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            if found:
                with formatter.section(heading):
                    formatter.write_dl([(name.ljust(max(map(len, listed))), _summary(one)) for name, one in found])


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
