"""A model makes candidates and scores them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from dcgan.config import GenerationConfig, parse_job
from dcgan.files import storage
from dcgan.generation.model import CHUNK, Model
from dcgan.networks.architecture import make_discriminator, make_generator


def test_model_is_read_and_makes_candidates() -> None:
    networks = make_generator(3, (12, 10, 3), 4), make_discriminator((12, 10, 3), 4)
    arrays = {f"{network.name}/{one.path}": one.numpy() for network in networks for one in network.weights}
    values = {"name": "j", "data": {"source": "x"}, "training": {"width": 4, "latent_dim": 3}}
    training = parse_job(values, where="test").resolve(Path()).training
    model = Model(io.BytesIO(storage.pack_arrays(arrays)), training, (12, 10, 3))
    images = model.candidates(GenerationConfig(), "a", 0)
    assert images.shape == (CHUNK, 12, 10, 3) and images.dtype == np.uint8
    assert model.critic_scores(images).shape == (CHUNK,)
