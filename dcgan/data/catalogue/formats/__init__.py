"""The forms that real images come in: a module for each.

A new one is a module here with a `FORMAT`, which is added to `FORMATS`. The first that recognises a source reads it, so
that the narrow ones stand first.
"""

from dcgan.data.catalogue.formats import folder, gtsrb, imagefolder, npz, parquet, table
from dcgan.data.catalogue.sources import Format

FORMATS: tuple[Format, ...] = (
    gtsrb.FORMAT,
    npz.FORMAT,
    parquet.FORMAT,
    table.FORMAT,
    imagefolder.FORMAT,
    folder.FORMAT,
)
