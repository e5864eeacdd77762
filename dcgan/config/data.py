"""The part of a job file about the real images: where they are, and how they are read."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from dcgan.config.base import Model, Side, absolute
from dcgan.files import urls


class ColumnsConfig(Model):
    """What the columns of a table are called, where they are not called as expected."""

    path: str | None = None
    """Column of a table with the image's path, or with the image itself. `null`: `path`; in the metadata of a Hugging
    Face image folder, `file_name`; in a Parquet file, its only column of images."""
    label: str | list[str] | None = None
    """Column with the class; or a list of columns, one per class, exactly one of which is 1 in each row. `null`:
    `label`."""
    split: str | None = None
    """Column with the split. `null`: `split`, if there is one."""


class DataConfig(Model):
    """The real images."""

    source: str
    """Path or URL of a folder, a `.csv` or `.parquet` table, Parquet with images, or an `.npz` file. Never written to.
    A path is relative to the job file. A URL, such as `s3://bucket/images`, must not contain credentials."""
    unlabelled: str | None = None
    """Path or URL of a folder with further images of the same kind, at any depth, whatever their class. The shared base
    learns from them too, and classifiers do if guessed labels help. Nothing is measured on them. Never written to."""
    format: str | None = None
    """The form of the source: `folder`, `imagefolder`, `table`, `parquet`, `npz` or `gtsrb`. `null`: recognised by what
    is there."""
    splits: Literal[False] | dict[str, str | list[str]] | None = None
    """The splits, each with its folder or folders, or its values in the split column: `{train: Training, test:
    [Testing, more]}`. One must be called `train`. Whatever is not named is left out. `false`: there are no splits,
    every folder is a class. `null`: recognised by name; refused if that is ambiguous."""
    columns: ColumnsConfig = ColumnsConfig()
    """Names of a table's columns."""
    images: str | None = None
    """Folder that contains a table's images, relative to the table, or to the job file if there is no such folder
    beside the table. `null`: the table's own folder."""
    range: tuple[float, float] | None = None
    """`[black, white]` of images with more than 8 bits: the values that become 0 and 255. `null`: what each file says,
    or else 0 and 65535 for whole numbers; floating point is 0 to 1, or 0 to 255. Refused if that is hardly possible."""
    image_size: tuple[Side, Side] | None = None
    """`[height, width]` in px. Images of another size are resized; if the aspect ratio differs, the middle is kept.
    `null`: the commonest size; refused if sizes differ widely."""
    channels: Literal["auto", 1, 3] = "auto"
    """`1` for grey, `3` for RGB. `auto`: 1 if every image is grey, otherwise 3."""
    holdout: Annotated[float, Field(gt=0, lt=1)] | str = 0.2
    """The images that no GAN sees, and that every verdict is measured on. A number is a share of each class. A name is
    a split that the source has, such as `test`."""

    @field_validator("source", "unlabelled")
    @classmethod
    def _no_secrets(cls, value: str | None) -> str | None:
        if value is not None:
            urls.require_harmless(value)
        return value

    @field_validator("splits", mode="before")
    @classmethod
    def _split_names_are_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # YAML reads folders and values called 0 or yes as numbers and truth values.
        texts = {
            str(name): [str(one) for one in given] if isinstance(given, list) else str(given)
            for name, given in value.items()
        }
        folders = [one for given in texts.values() for one in ([given] if isinstance(given, str) else given)]
        if len(folders) != len(set(folders)):
            raise ValueError("the same folder or value stands for two splits")
        if "train" not in texts:
            raise ValueError(f"none of {', '.join(texts)} is called train, as the split for training must be")
        return texts

    @field_validator("range")
    @classmethod
    def _has_room(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not (math.isfinite(value[0]) and math.isfinite(value[1]) and value[0] < value[1]):
            raise ValueError("expected [black, white] with black below white, such as [0, 4095]")
        return value

    def named_splits(self) -> dict[str, str]:
        """The split that each folder or value in `splits` means."""
        given = self.splits or {}
        return {one: name for name, ones in given.items() for one in ([ones] if isinstance(ones, str) else ones)}

    def resolve(self, folder: Path) -> DataConfig:
        """The same with absolute places, and `images` relative to the source.

        Args:
            folder: the job file's. `images` may be relative to it, where there is no such folder beside the table.
        """
        source, images = absolute(folder, self.source), self.images
        if images is not None and not urls.is_url(source):
            table = Path(source).parent
            if not (table / images).is_dir() and (folder / images).is_dir():
                images = os.path.relpath((folder / images).resolve(), table)
        unlabelled = None if self.unlabelled is None else absolute(folder, self.unlabelled)
        return self.model_copy(update={"source": source, "unlabelled": unlabelled, "images": images})
