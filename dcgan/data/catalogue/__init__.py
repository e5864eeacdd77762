"""The catalogue: every input file once, with what it is, whether it is used, and why not.

`sources` lists what there is, `mirror` keeps a local copy of what a URL names, `decode` turns any picture into grey or
RGB pixels, `opening` opens one file, `readers` does so in several processes, `cache` remembers what files held, and
`inspection` puts the table together.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan.data.catalogue.inspection import build_catalogue, scan

__all__ = ["build_catalogue", "scan"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: a reader process should not wait for pandas.
    if name in __all__:
        from dcgan.data.catalogue import inspection  # noqa: PLC0415 (as above)

        return getattr(inspection, name)
    raise AttributeError(f"module 'dcgan.data.catalogue' has no attribute {name!r}")
