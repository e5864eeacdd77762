"""URLs of files, in object stores and whatever else fsspec reaches: what they are, and what opens them.

Credentials come from the environment or from fsspec's own settings, never from a URL: a URL is written into releases.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, TypeGuard

import fsspec
import platformdirs

from dcgan.errors import ConfigError

APP = "dcgan"  # what this user's folders of ours are called


def is_url(path: str | Path) -> TypeGuard[str]:
    """Whether this is a URL and no local path."""
    return isinstance(path, str) and "://" in path


def require_harmless(url: str) -> None:
    """Refuse a URL that carries a secret. Local paths pass.

    Raises:
        ValueError: the message does not repeat the URL.
    """
    for part in re.split(r"::(?=[\w+.\-]+://)", url) if is_url(url) else []:
        rest = part.partition("://")[2]
        netloc, _, _ = rest.partition("/")
        port = re.search(r":([^:\]]*)$", netloc)
        if "@" in netloc or ":" in rest.rpartition("@")[0] or (port and not port[1].isdecimal()):
            raise ValueError(
                "the URL holds a user's name or a password, which would be written into every release. Give "
                "credentials by the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by fsspec's "
                "own settings"
            )
        if "?" in rest:
            raise ValueError("the URL holds a `?`: what follows may be secret, and would be written into every release")


def open_url(url: str | Path) -> tuple[Any, str]:
    """The file system that a URL, or a local path, is in, and the path within it, without a slash at its end.

    Raises:
        ConfigError: of no known kind, or a package for that kind is missing.
    """
    if not is_url(url):
        return fsspec.filesystem("file"), str(url)
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        hint = " (pip install 'dcgan-augment[s3]')" if url.startswith(("s3:", "s3a:")) else ""
        raise ConfigError(f"{url} cannot be opened: {error}{hint}") from error
    system.invalidate_cache()  # what a store held a while ago is of no use here
    return system, str(path).rstrip("/")


def state_folder(url: str) -> Path:
    """Local folder for work on what a URL names that must not be lost: journals need a local file system."""
    return platformdirs.user_state_path(APP) / _name(url)


def cache_folder(url: str) -> Path:
    """Local folder for copies of what a URL names, which can be deleted at any time."""
    return platformdirs.user_cache_path(APP) / _name(url)


def scratch_folder() -> Path:
    """Local folder for the work of processes that clean up after themselves."""
    return platformdirs.user_cache_path(APP) / "scratch"


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
