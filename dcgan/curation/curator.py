"""One class's curator: makes candidates, examines them, and decides which are fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.curation import filters
from dcgan.curation.filters import CRITIC, Candidates, Filters, Nearest, RealImages, flat
from dcgan.generation.model import CHUNK, Model
from dcgan.networks.classifier import load_folds, load_judge, load_other_class, surest_other
from dcgan.run.paths import Run

CRITIC_CHUNKS = 4  # their candidates show how the discriminator's scores are distributed


class Curator:
    """Makes and examines the candidates of one class, in the order of their indices."""

    def __init__(self, run: Run, job: ResolvedJob, label: str) -> None:
        """Load the class's model and judges, and derive thresholds from its real images.

        Args:
            run: with split, judge and this class's training.
            job: resolved.
            label: class name.
        """
        split = pd.read_parquet(run.split_table)
        split = split[(split["label"] == label) & (split["split"] == "train")].sort_values("row")
        self._real_paths = split["path"].to_numpy()
        real, held_out = np.load(run.train_images(label)), np.load(run.holdout_images(label))
        image_shape = real.shape[1:]
        with run.model(label).open("rb") as file:
            self.model = Model(file, job.training, image_shape)
        self._judge, classes = load_judge(run, image_shape)
        self._number = classes.index(label)
        names = job.curation.filters
        by_folds = filters.needs_folds(names)
        self._folds = load_folds(run, image_shape) if by_folds else []
        self._generation = job.generation
        self.run_id, self.label = run.id, label

        real_features = self._judge(real)[1]
        self._nearest_pixels, self._nearest_features = Nearest(flat(real)), Nearest(real_features)
        other_class = load_other_class(run, label) if by_folds else None
        self.limits = filters.thresholds(RealImages(real, real_features, held_out, other_class), names)
        self._with_critic = job.curation.critic_share < 1
        if self._with_critic:
            scores = [self.model.critic_scores(self._images(chunk)) for chunk in range(CRITIC_CHUNKS)]
            self.limits[CRITIC] = float(np.quantile(np.concatenate(scores), 1 - job.curation.critic_share))
        self.filters = Filters(self.limits, names, [*real, *held_out])

    def chunk(self, number: int) -> tuple[np.ndarray, Sequence[str], dict[str, np.ndarray]]:
        """Candidates number `number * CHUNK` and following, after all before them.

        Returns:
            Images uint8 (CHUNK, H, W, C); the reason against each, "" for those that are fit; and their values by
            column of the manifest, (CHUNK,).
        """
        images = self._images(number)
        probabilities, features = self._judge(images)
        pixel_distances, rows = self._nearest_pixels(flat(images))
        other_class = np.zeros(CHUNK, np.float32)
        if self._folds:
            by_folds = np.mean([judge(images)[0] for judge in self._folds], axis=0)
            other_class = surest_other(by_folds, self._number)
        critic_scores = self.model.critic_scores(images) if self._with_critic else None
        feature_distances, _ = self._nearest_features(features)
        candidates = Candidates(images, pixel_distances, feature_distances, other_class, critic_scores)
        reasons = self.filters.reasons(candidates)
        known = {
            "index": number * CHUNK + np.arange(CHUNK),
            "critic_score": np.full(CHUNK, np.nan, np.float32) if critic_scores is None else critic_scores,
            "label_confidence": probabilities[:, self._number],
            "nearest_real_distance": pixel_distances,
            "nearest_real_path": self._real_paths[rows],
            "pixel_hash": np.array(candidates.hashes),
        }
        return images, reasons, known

    def _images(self, chunk: int) -> np.ndarray:
        return self.model.candidates(self._generation, self.label, chunk)
