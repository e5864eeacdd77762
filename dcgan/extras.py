"""What a plain installation leaves out: packages of the extras, and how to install the one that is missing.

A plain installation reads and verifies releases. `pyproject.toml` says which package belongs to which extra.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dcgan.errors import ConfigError


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Say which extra to install where a package of one is missing.

    Args:
        what: is done in this block, such as `dcgan run`.

    Raises:
        ConfigError: a package of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _extra_with(error.name or "")
        if extra is None:  # no package of ours, or one that is installed and broken
            raise
        raise ConfigError(
            f"{what} needs the package {error.name}, which is not installed: pip install 'dcgan-augment[{extra}]'"
        ) from error


def _extra_with(module: str) -> str | None:
    """The smallest extra that installs a top-level module; None where none does."""
    from importlib import metadata  # noqa: PLC0415 (`dcgan --help` should answer at once)

    modules: dict[str, set[str]] = {}
    for requirement in metadata.requires("dcgan-augment") or ():
        if found := re.fullmatch(r"([\w.-]+).*;\s*extra\s*==\s*['\"]([\w-]+)['\"]", requirement):
            modules.setdefault(found[2], set()).add(re.sub(r"[.-]", "_", found[1]).lower())
    # An extra that includes another has the packages of that one too.
    return min((extra for extra in modules if module in modules[extra]), key=lambda of: len(modules[of]), default=None)
