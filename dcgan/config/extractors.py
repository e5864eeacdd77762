"""Feature extractors that a job may name: looked for before work starts, loaded in `dcgan.evaluation.features`."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from dcgan.errors import ConfigError

JUDGE = "judge"


def kind_and_name(features: str) -> tuple[str, str]:
    """What kind of extractor is named ("judge", "onnx" or "keras"), and which: "", a path, or a network's name.

    Raises:
        ValueError: it is of no known form.
    """
    kind, _, name = features.partition(":")
    if features != JUDGE and not (kind in ("onnx", "keras") and name):
        raise ValueError(f"features {features!r} are not known: expected judge, onnx:PATH or keras:NAME")
    return kind, name


def require(features: str) -> None:
    """Make sure that an extractor can be loaded.

    Raises:
        ConfigError: a file or a package is missing; the message says which.
    """
    kind, name = kind_and_name(features)
    if kind == "keras":
        keras_weights(name)
    if kind == "onnx":
        if not Path(name).is_file():
            raise ConfigError(f"measures.features {features}: no such file. A path is relative to the job file.")
        if importlib.util.find_spec("onnxruntime") is None:
            raise ConfigError(f"measures.features {features} needs onnxruntime: pip install 'dcgan-augment[onnx]'")


def keras_weights(name: str) -> Path:
    """The cached weights of a network of keras.applications without its classifier. Nothing is downloaded.

    Args:
        name: such as `MobileNetV2`.

    Raises:
        ConfigError: they are not in the Keras cache.
    """
    cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    # Keras writes the name with or without `_` and `-`, and more after it: mobilenet_v2_weights_..._224_no_top.h5
    wanted = re.compile(rf"{re.escape(_plain(name))}(?!v\d).*notop")
    found = sorted(file for file in cache.glob("*.h5") if wanted.search(_plain(file.name)))
    if not found:
        raise ConfigError(
            f"measures.features keras:{name}: {cache} has no weights of it, and none are downloaded. Where there is a "
            f"network, get them with: keras.applications.{name}(include_top=False)"
        )
    return found[-1]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
