"""Listing a source: which form it has, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from dcgan.config import DataConfig
from dcgan.data.catalogue import mirror
from dcgan.data.catalogue.formats import FORMATS, folder
from dcgan.data.catalogue.reasons import MISSING, NO_FILE_NAME
from dcgan.data.catalogue.sources import Entry, Format, Place, Source, as_text
from dcgan.errors import InputError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import urls


def list_source(data: DataConfig, on_progress: OnProgress = no_report, *, anew: bool = False) -> Source:
    """List a source by what it is, or by what the job says that it is.

    Args:
        data: resolved. Of what a URL names, a local copy is brought up to date first.
        on_progress: called with files fetched.
        anew: fetch everything again that a URL names.

    Raises:
        InputError: it is missing, cannot be read, can be read in more than one way, or is of no known form.
    """
    path, left_out = _brought_here("source", data.source, lambda path: _names_in(path, data), on_progress, anew=anew)
    source = _list(Place(path, data))
    if urls.is_url(data.source):
        for number, entry in enumerate(source.entries):
            if not entry.problem and not mirror.can_stand(entry.path):  # a table from elsewhere names no file of here
                source.entries[number] = replace(entry, problem=MISSING)
    source.entries.extend(left_out)
    return source


def list_unlabelled(data: DataConfig, on_progress: OnProgress = no_report, *, anew: bool = False) -> Source:
    """List the images without labels: every file of `data.unlabelled`, at any depth.

    Args:
        data: resolved, with such a folder.
        on_progress: called with files fetched.
        anew: fetch everything again that a URL names.

    Raises:
        InputError: it is missing, or no folder.
    """
    assert data.unlabelled
    path, left_out = _brought_here("unlabelled", data.unlabelled, lambda _: (), on_progress, anew=anew)
    if not path.is_dir():
        raise InputError(f"data.unlabelled {data.unlabelled} is a file; expected a folder of images.")
    source = folder.read_unlabelled(Place(path, data))
    source.entries.extend(left_out)
    return source


def _brought_here(
    key: str, place: str, names_in: Callable[[Path], Iterable[str]], on_progress: OnProgress, *, anew: bool
) -> tuple[Path, list[Entry]]:
    """Where the place that a key of `data` names is on this machine, and the entries of files that cannot be here."""
    if urls.is_url(place):
        copy = mirror.update(f"data.{key}", place, names_in, on_progress, anew=anew)
        return copy.path, [Entry(as_text(name), "", "", NO_FILE_NAME) for name in copy.left_out]
    path = Path(place)
    if not path.exists():
        raise InputError(f"data.{key} {path} does not exist. Relative paths are relative to the job file.")
    if not (path.is_dir() or path.is_file()):  # reading one could wait for ever
        raise InputError(f"data.{key} {path} is a pipe, socket or device; expected a folder or a file.")
    return path, []


def _list(place: Place) -> Source:
    form = _form(place)
    try:
        return form.read(place)
    except InputError:
        raise
    except Exception as error:  # each format's library has its own kinds for a damaged file
        raise InputError(f"data.source {place.data.source} cannot be read: {error}") from error


def _form(place: Place) -> Format:
    wanted = place.data.format
    if wanted is not None and wanted not in (known := [form.name for form in FORMATS]):
        raise InputError(f"data.format is {wanted!r}; expected one of {', '.join(known)}")
    for form in FORMATS:
        if form.name == wanted or (wanted is None and form.recognises(place)):
            return form
    expected = "; ".join(form.expected for form in FORMATS[::-1])
    raise InputError(f"data.source {place.data.source} has no known form. Expected {expected}")


def _names_in(path: Path, data: DataConfig) -> Iterable[str]:
    """The files that belong to a fetched one; none of what is of no known form: who reads it says so."""
    place = Place(path, data)
    return next((form.names_in(place) for form in FORMATS if form.recognises(place)), ())
