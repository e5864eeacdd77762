"""A feature extractor that is not at hand is told before any work, with how to get it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dcgan.config.extractors import keras_weights, kind_and_name, require
from dcgan.errors import ConfigError

CACHED = (
    "mobilenet_1_0_224_tf_no_top.h5",
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "efficientnetv2-b0_notop.h5",
    "vgg16_weights_tf_dim_ordering_tf_kernels.h5",  # with its classifier
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    for name in CACHED:
        (tmp_path / "models" / name).touch()
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("features", "parts"),
    [
        ("judge", ("judge", "")),
        ("onnx:models/a:b.onnx", ("onnx", "models/a:b.onnx")),
        ("keras:InceptionV3", ("keras", "InceptionV3")),
    ],
)
def test_form_tells_kind_and_name(features: str, parts: tuple[str, str]) -> None:
    assert kind_and_name(features) == parts


@pytest.mark.parametrize("features", ["", "fid", "onnx", "onnx:", "torch:x", "judge:x", "Judge"])
def test_other_forms_are_told_with_those_that_there_are(features: str) -> None:
    with pytest.raises(ValueError, match="expected judge, onnx:PATH or keras:NAME"):
        kind_and_name(features)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("MobileNet", CACHED[0]),
        ("MobileNetV2", CACHED[1]),
        ("MobileNetV3Small", CACHED[3]),
        ("ResNet50V2", CACHED[4]),
        ("InceptionV3", CACHED[5]),
        ("EfficientNetV2B0", CACHED[6]),
    ],
)
def test_cached_weights_are_those_of_the_network_and_without_its_classifier(cache: Path, name: str, file: str) -> None:
    assert keras_weights(name) == cache / file


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["ResNet50", "VGG16", "../../x", "x|"])
def test_weights_that_are_not_cached_are_not_downloaded(name: str) -> None:
    with pytest.raises(ConfigError, match="has no weights of it, and none are downloaded"):
        require(f"keras:{name}")


def test_judge_needs_nothing() -> None:
    require("judge")


def test_onnx_needs_the_file_and_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        require(f"onnx:{tmp_path / 'model.onnx'}")
    (tmp_path / "model.onnx").touch()
    require(f"onnx:{tmp_path / 'model.onnx'}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'dcgan-augment\[onnx\]'"):
        require(f"onnx:{tmp_path / 'model.onnx'}")
