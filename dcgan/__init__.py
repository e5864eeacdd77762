"""dcgan-augment: one DCGAN per class, exactly N labelled synthetic images, an honest verdict, one release.

release = dcgan.load_release("outputs/signs/latest")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan.release.reader import Release, load_release

    __version__: str

__all__ = ["Release", "__version__", "load_release"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: `dcgan --help` should not wait for pandas.
    if name == "__version__":
        from importlib import metadata  # noqa: PLC0415 (as above)

        return metadata.version("dcgan-augment")
    if name in __all__:
        from dcgan.release import reader  # noqa: PLC0415 (as above)

        return getattr(reader, name)
    raise AttributeError(f"module 'dcgan' has no attribute {name!r}")
