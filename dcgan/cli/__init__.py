"""The command line, the outermost layer. Heavy imports stand inside the commands, so that `--help` answers at once."""

from dcgan.cli.main import main

__all__ = ["main"]
