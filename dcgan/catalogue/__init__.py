"""The catalogue: every input file once, with what it is, whether it is used, and why not.

`sources` lists what there is, `decode` turns any picture into grey or RGB pixels, `inspection` puts the table together.
"""

from dcgan.catalogue.inspection import build_catalogue, scan

__all__ = ["build_catalogue", "scan"]
