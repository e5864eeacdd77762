"""Feature spaces: real networks, told how they take images, and what is wrong with them where something is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dcgan.config import MeasuresConfig, OnnxConfig, ResolvedJob
from dcgan.errors import StageError
from dcgan.evaluation.features import BATCH_SIZE, FeatureSpace, open_space
from dcgan.files.pictures import resized
from dcgan.networks.classifier import make_classifier, train_judge
from dcgan.run.paths import Run
from tests.conftest import split_run, write_digits
from tests.samples import noise

TOLD = {"layout": "NCHW", "size": (4, 6), "mean": 127.0, "std": 128.0}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ResolvedJob]:
    root = tmp_path_factory.mktemp("features")
    write_digits(root / "images", {0: 30, 1: 25})
    run, job = split_run(root, gate={"classifier_steps": 20})
    train_judge(run, job, lambda _: None)
    return run, job


def write_onnx(file: Path, channels: int = 3, outputs: tuple[str, ...] = ("features",)) -> Path:
    """A model that gives each channel's mean over the image, (N, channels), and under "image" the image itself."""
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", channels, "H", "W"])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["features"]),
        helper.make_node("Identity", ["input"], ["image"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "mean", [image], given), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.save(model, str(file))
    return file


def space(prepared: tuple[Run, ResolvedJob], features: str, **given: Any) -> FeatureSpace:
    run, job = prepared
    measures = MeasuresConfig(features=features, onnx=OnnxConfig(**given))
    return open_space(run, job.model_copy(update={"measures": measures}))


def test_judge_gives_what_its_features_layer_does(prepared: tuple[Run, ResolvedJob]) -> None:
    run, _ = prepared
    images = np.load(run.train_images("0"))
    judge = make_classifier((8, 8, 1), 2)
    with np.load(run.judge / "model.npz") as weights:
        judge.set_weights([weights[name] for name in sorted(weights)])
    network = keras.Model(judge.inputs, judge.get_layer("features").output)
    expected = network.predict(images / 127.5 - 1.0, verbose=0)
    opened = space(prepared, "judge")
    assert (opened.name, opened.dimensions) == ("judge", 128)
    np.testing.assert_allclose(opened(images), expected, atol=1e-4)
    assert opened(images).dtype == np.float64


def test_batch_and_order_do_not_matter(prepared: tuple[Run, ResolvedJob]) -> None:
    images = np.stack([noise(number, 8, 8, 1)[..., None] for number in range(BATCH_SIZE + 9)])
    opened = space(prepared, "judge")
    features = opened(images)
    np.testing.assert_allclose(opened(images[::-1])[::-1], features, atol=1e-5)
    np.testing.assert_allclose(opened(images[-3:]), features[-3:], atol=1e-5)
    assert opened(images[:0]).shape == (0, 128)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_onnx_model_gets_its_images_as_it_is_told(
    prepared: tuple[Run, ResolvedJob], tmp_path: Path, layout: str
) -> None:
    file = write_onnx(tmp_path / "model.onnx", 3 if layout == "NCHW" else 4)  # as NHWC, the first axis is height
    told = TOLD | {"layout": layout, "mean": (0.0, 10.0, 20.0), "std": (1.0, 2.0, 4.0)}
    opened = space(prepared, f"onnx:{file}", **told)
    features = opened(np.full((2, 8, 8, 1), 100, np.uint8))
    expected = [100.0, 45.0, 20.0] if layout == "NCHW" else [55.0] * 4
    assert opened.name == "onnx:model.onnx"
    np.testing.assert_allclose(features, [expected] * 2, rtol=1e-6)


def test_onnx_model_of_grey_images_gets_grey_ones(prepared: tuple[Run, ResolvedJob], tmp_path: Path) -> None:
    opened = space(prepared, f"onnx:{write_onnx(tmp_path / 'model.onnx', 1)}", **TOLD)
    np.testing.assert_allclose(opened(np.full((1, 8, 8, 1), 255, np.uint8)), [[1.0]])


def test_output_is_named_where_there_are_several(prepared: tuple[Run, ResolvedJob], tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "model.onnx", outputs=("features", "image"))
    assert space(prepared, f"onnx:{file}", **TOLD, output="features").dimensions == 3
    for output in (None, "logits"):
        with pytest.raises(StageError, match="has the outputs features, image; name one of them"):
            space(prepared, f"onnx:{file}", **TOLD, output=output)
    with pytest.raises(StageError, match=r"gives \(1, 3, 4, 6\) for one image; expected \(1, D\)"):
        space(prepared, f"onnx:{file}", **TOLD, output="image")


def test_damaged_onnx_model_and_images_it_does_not_take_are_told(
    prepared: tuple[Run, ResolvedJob], tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    with pytest.raises(StageError, match="cannot be read as an ONNX model"):
        space(prepared, f"onnx:{file}", **TOLD)
    write_onnx(file, 3)
    with pytest.raises(StageError, match=r"cannot be run: it takes .* was given \[1, 4, 6, 3\]; see measures.onnx"):
        space(prepared, f"onnx:{file}", **TOLD | {"layout": "NHWC"})


def test_values_that_are_no_numbers_are_told() -> None:
    opened = FeatureSpace("odd", lambda images: np.full((len(images), 2), np.nan), (8, 8, 1))
    with pytest.raises(StageError, match="odd: gives values that are no numbers"):
        opened(np.zeros((3, 8, 8, 1), np.uint8))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saves
def test_keras_network_takes_its_weights_from_the_cache(
    prepared: tuple[Run, ResolvedJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(include_top=False, weights=None, pooling="avg", input_shape=(96, 96, 3))
    file = tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"
    network.save(file)  # HDF5 of the kind that Keras's own cache has
    images = np.stack([noise(number, 8, 8, 1)[..., None] for number in range(2)])
    opened = space(prepared, "keras:MobileNetV2")
    assert (opened.name, opened.dimensions) == ("keras:MobileNetV2", 1280)
    wide = np.asarray(keras.ops.image.resize(images.repeat(3, 3), (96, 96), antialias=True))
    expected = network.predict(keras.applications.mobilenet_v2.preprocess_input(wide), verbose=0)
    np.testing.assert_allclose(opened(images), expected, atol=1e-4)
    file.write_bytes(b"no weights")
    with pytest.raises(StageError, match="cannot be loaded"):
        space(prepared, "keras:MobileNetV2")


def test_resizing_keeps_flat_images_flat_and_grey_and_colour_apart() -> None:
    red = np.zeros((2, 9, 7, 3), np.uint8)
    red[..., 0] = 200
    assert (resized(red, (5, 11), 3) == np.array([200.0, 0, 0])).all()
    assert resized(red, (5, 11), 1).shape == (2, 5, 11, 1)
    assert (resized(red[..., :1], (5, 11), 3) == 200).all()
