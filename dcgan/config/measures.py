"""`measures`: how synthetic images are compared with real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dcgan.config import extractors
from dcgan.config.base import Model, absolute

Length = Annotated[int, Field(ge=1, le=1024)]
Positive = Annotated[float, Field(gt=0)]


class OnnxConfig(Model):
    """How an ONNX model takes its images: given, never guessed. For `measures.features: onnx:PATH`."""

    layout: Literal["NCHW", "NHWC"] | None = None
    """Order of the ONNX model's input: `NCHW` (channels, height, width) or `NHWC`."""
    size: tuple[Length, Length] | None = None
    """`[height, width]` in px that images are resized to."""
    mean: float | tuple[float, float, float] | None = None
    """Subtracted from each value of 0 to 255: a number, or a list of three for red, green and blue."""
    std: Positive | tuple[Positive, Positive, Positive] | None = None
    """The result is divided by this: a number, or a list of three."""
    output: str | None = None
    """Name of the output with the features, (N, D). `null`: the model's only output."""


class MeasuresConfig(Model):
    """How synthetic images are compared with real ones, beside the gate."""

    features: str = extractors.JUDGE
    """Feature space of all distances. `judge`: the job's own classifier. `onnx:PATH`: an ONNX model, relative to the
    job file. `keras:NAME`: a network of `keras.applications` whose weights are in the Keras cache."""
    onnx: OnnxConfig = OnnxConfig()
    """How the ONNX model takes its images."""

    @model_validator(mode="after")
    def _is_told_how(self) -> MeasuresConfig:
        kind, _ = extractors.kind_and_name(self.features)
        given = {name for name, value in self.onnx if value is not None}
        if kind == "onnx" and (missing := [name for name in ("layout", "size", "mean", "std") if name not in given]):
            raise ValueError(f"features {self.features}: also give {', '.join(f'onnx.{name}' for name in missing)}")
        if kind != "onnx" and given:
            raise ValueError(f"onnx is for features: onnx:PATH only, and features is {self.features}")
        return self

    def resolve(self, folder: Path) -> MeasuresConfig:
        """The same with an absolute path.

        Raises:
            ConfigError: the extractor is not at hand.
        """
        kind, name = extractors.kind_and_name(self.features)
        features = f"{kind}:{absolute(folder, name)}" if kind == "onnx" else self.features
        extractors.require(features)
        return self.model_copy(update={"features": features})
