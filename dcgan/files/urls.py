"""URLs of files, in object stores and whatever else fsspec reaches: what they are, and what opens them.

Credentials come from the environment or from fsspec's own settings, never from a URL: a URL is written into releases.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import fsspec
import platformdirs

from dcgan.errors import ConfigError

APP = "dcgan"  # what this user's folders of ours are called

# What gives bytes and nothing else: object stores, web servers, the disk, and this process's memory. Other kinds of
# fsspec interpret what they read (`reference`), start programs (`git`, `ssh`) or unpack archives.
PROTOCOLS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "https", "http", "file", "local", "memory")


Info = Mapping[str, Any]
"""What a store says of one file: fsspec's file systems have names of their own for it."""


def is_url(path: str | Path) -> TypeGuard[str]:
    """Whether this is a URL and no local path."""
    return isinstance(path, str) and "://" in path


def require_harmless(url: str) -> None:
    """Refuse a URL that carries a secret, or whose kind can do more than give bytes. Local paths pass.

    Raises:
        ValueError: the message does not repeat a secret.
    """
    if is_url(url):
        _require_known_kind(url)
        rest = url.partition("://")[2]
        netloc, _, _ = rest.partition("/")
        port = re.search(r":([^:\]]*)$", netloc)
        if "@" in netloc or ":" in rest.rpartition("@")[0] or (port and not port[1].isdecimal()):
            raise ValueError(
                "the URL contains a user name or a password, which would be written into every release. Give "
                "credentials in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by fsspec's "
                "own settings"
            )
        if "?" in rest:
            raise ValueError(
                "the URL contains a `?`: what follows may be secret, and would be written into every release"
            )


def _require_known_kind(url: str) -> None:
    protocol = url.partition("://")[0]
    if "::" in url:
        raise ValueError("the URL contains a chain (`::`), which can lead anywhere: name the files themselves")
    if protocol not in PROTOCOLS:
        named = f" {protocol}://" if re.fullmatch(r"[\w+.\-]{1,20}", protocol) else ""
        raise ValueError(f"the URL contains an unknown kind{named}: expected one of {', '.join(PROTOCOLS)}")


def open_url(url: str | Path) -> tuple[Any, str]:
    """The file system that a URL, or a local path, is in, and the path within it, without a slash at its end.

    Raises:
        ConfigError: it is a chain or none of `PROTOCOLS`, or a package for it is missing.
    """
    if not is_url(url):
        return fsspec.filesystem("file"), str(url)
    try:
        _require_known_kind(url)
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
