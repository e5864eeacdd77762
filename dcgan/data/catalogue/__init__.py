"""The catalogue: every input file once, with what it is, whether it is used, and why not.

`sources` lists what there is, `mirror` keeps a local copy of what a URL names, `decode` turns any picture into grey or
RGB pixels, `opening` opens one file, `readers` does so in several processes, `cache` remembers what files held, and
`inspection` puts the table together, `unlabelled` that of images without labels, `building` leaves both in a run.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan.data.catalogue.building import build_catalogue
    from dcgan.data.catalogue.inspection import scan
    from dcgan.data.catalogue.unlabelled import scan_unlabelled

__all__ = ["build_catalogue", "scan", "scan_unlabelled"]

_HOMES = {"build_catalogue": "building", "scan": "inspection", "scan_unlabelled": "unlabelled"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a reader process should not wait for pandas.
    if name in _HOMES:
        return getattr(importlib.import_module(f"dcgan.data.catalogue.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'dcgan.data.catalogue' has no attribute {name!r}")
