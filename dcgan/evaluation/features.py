"""Feature spaces by name: they define which images are near each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import OnnxConfig, ResolvedJob, extractors
from dcgan.data.split import image_shape
from dcgan.errors import StageError
from dcgan.files.pictures import resized
from dcgan.networks.classifier import load_judge
from dcgan.run.paths import Run

BATCH_SIZE = 256
KERAS_SIDE = 96  # px that images are resized to; the least that every network of keras.applications takes is 75


class FeatureSpace:
    """A network that turns images into points. Call it with uint8 (N, H, W, C) for float64 (N, D)."""

    def __init__(self, name: str, extract: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int, int]) -> None:
        """Try the network on one image.

        Args:
            name: shown with every distance in this space.
            extract: from uint8 (N, H, W, C), N at least 1, to (N, D).
            shape: (H, W, C) of the images.

        Raises:
            StageError: its output is not a matrix of features.
        """
        self.name, self._extract = name, extract
        tried = extract(np.zeros((1, *shape), np.uint8))
        if tried.ndim != 2:
            raise StageError(
                f"measures.features {name}: gives {tried.shape} for one image; expected (1, D). Name another output."
            )
        self.dimensions = tried.shape[1]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of uint8 (N, H, W, C): float64 (N, D)."""
        features = np.empty((len(images), self.dimensions))
        for start in range(0, len(images), BATCH_SIZE):
            features[start : start + BATCH_SIZE] = self._extract(images[start : start + BATCH_SIZE])
        if not np.isfinite(features).all():
            raise StageError(f"measures.features {self.name}: gives values that are no numbers")
        return features


def open_space(run: Run, job: ResolvedJob) -> FeatureSpace:
    """The feature space that the job names.

    Raises:
        ConfigError: its extractor is not available.
        StageError: it cannot be loaded, or its output is not features.
    """
    shape = image_shape(run)
    kind, name = extractors.kind_and_name(job.measures.features)
    extractors.require(job.measures.features)
    if kind == "onnx":
        path = Path(name)
        return FeatureSpace(f"onnx:{path.name}", _onnx(path, job.measures.onnx, job.run.threads), shape)
    if kind == "keras":
        return FeatureSpace(f"keras:{name}", _keras(name), shape)
    look, _ = load_judge(run, shape)
    return FeatureSpace(extractors.JUDGE, lambda images: look(images)[1], shape)


def _keras(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """A network of keras.applications, its last features averaged over the image."""
    weights = extractors.keras_weights(name)
    make = getattr(keras.applications, name, None)
    if not callable(make):
        raise StageError(f"measures.features keras:{name}: keras.applications has no network of that name")
    try:
        network = make(include_top=False, weights=str(weights), pooling="avg", input_shape=(KERAS_SIDE, KERAS_SIDE, 3))
    except (ValueError, OSError) as error:
        raise StageError(f"measures.features keras:{name}: {weights} cannot be loaded: {error}") from error
    preprocess = sys.modules[make.__module__].preprocess_input  # each network has its own

    @tf.function(reduce_retracing=True)
    def compute(images: tf.Tensor) -> tf.Tensor:
        wide = tf.image.grayscale_to_rgb(images) if images.shape[-1] == 1 else images
        small = tf.image.resize(wide, (KERAS_SIDE, KERAS_SIDE), antialias=True)
        return network(preprocess(small), training=False)

    return lambda images: np.asarray(compute(tf.constant(images)))


def _onnx(path: Path, given: OnnxConfig, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime  # noqa: PLC0415 (an extra)

    assert given.size and given.layout and given.mean is not None and given.std is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a kind of its own for each thing that can be wrong with a file
        raise StageError(f"measures.features: {path} cannot be read as an ONNX model: {error}") from error
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    if len(inputs) != 1:
        raise StageError(f"measures.features: {path} has {len(inputs)} inputs; expected one, which takes images")
    output = given.output or outputs[0]
    if output not in outputs or (given.output is None and len(outputs) > 1):
        raise StageError(f"measures.onnx.output: {path} has the outputs {', '.join(outputs)}; name one of them")
    channels = inputs[0].shape[1 if given.layout == "NCHW" else -1]
    mean, std = np.asarray(given.mean, np.float32), np.asarray(given.std, np.float32)

    def extract(images: np.ndarray) -> np.ndarray:
        pixels = (resized(images, given.size or (0, 0), 1 if channels == 1 else 3) - mean) / std
        batch = pixels.transpose(0, 3, 1, 2) if given.layout == "NCHW" else pixels
        try:
            (features,) = session.run([output], {inputs[0].name: np.ascontiguousarray(batch)})
        except Exception as error:
            problem = f"it takes {inputs[0].shape} and was given {list(batch.shape)}; see measures.onnx"
            raise StageError(f"measures.features: {path} cannot be run: {problem}: {error}") from error
        return np.asarray(features)

    return extract
