"""GAN-train and GAN-test: does a classifier learn from synthetic images what real ones are, and the other way round?

GAN-train is the recall on held-out real images of a classifier that is trained on synthetic ones only: low when they
lie off the real ones or show too little of them. GAN-test is the recall on synthetic images of a classifier that is
trained on real ones: low when they do not show their class, and above its ceiling when they are all too typical
(Shmelkov et al. 2018, section 3). The ceiling of both is the second classifier's recall on held-out real images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcgan.evaluation.metrics.base import Measured, Metric, share, withheld
from dcgan.evaluation.metrics.subject import Subject, Whole
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress, part_of

MAX_STEPS = 200  # of each classifier: enough to tell images apart that teach from those that do not, in seconds


def gan_train_test(
    train: Sequence[np.ndarray],
    holdout: Sequence[np.ndarray],
    synthetic: Sequence[np.ndarray | None],
    *,
    steps: int,
    seed: int,
    kinds: Sequence[str],
    on_progress: OnProgress,
) -> list[dict[str, Measured]]:
    """Both metrics by name, of each class that has synthetic images; classifiers tell all classes apart.

    Args:
        train: uint8 (N, H, W, C) of each class, N at least 1.
        holdout: uint8 (M, H, W, C) of each class; without any, only GAN-test is measured, without ceiling.
        synthetic: uint8 (K, H, W, C) of each class, K at least 1. None: it has none, and is learnt from real ones.
        steps: optimizer steps of each classifier.
        seed: of both classifiers.
        kinds: classical augmentations, of both.
        on_progress: called for both trainings as one piece of work.
    """
    from dcgan.networks.batches import Batches  # noqa: PLC0415 (imports TensorFlow; gate and report need the names below alone)
    from dcgan.networks.classifier import trainer  # noqa: PLC0415 (as above)

    one = trainer(train[0].shape[1:], len(train), tuple(kinds))
    learnt_from = [real if made is None else made for real, made in zip(train, synthetic, strict=True)]
    tested = [*holdout, *learnt_from]  # classes in their order, twice
    ends = np.cumsum([len(images) for images in tested])[:-1]
    hits = {}
    for arm, (name, pools) in enumerate({"synthetic": learnt_from, "real": train}.items()):
        report = part_of(on_progress, arm * steps, 2 * steps)
        one.train(Batches(pools, stream=seed), steps, seed, report)
        guesses = np.split(one.logits(np.concatenate(tested)).argmax(1), ends)
        hits[name] = [guess == number % len(train) for number, guess in enumerate(guesses)]
    measured = []
    for number, images in enumerate(holdout):
        if synthetic[number] is None:
            continue
        test = share(hits["real"][len(train) + number])
        if len(images):
            real, learned = share(hits["real"][number]), share(hits["synthetic"][number])
            measured.append({"gan_train": learned.beside(real), "gan_test": test.beside(real)})
        else:
            measured.append({"gan_train": withheld("no held-out image"), "gan_test": test})
    return measured


def _of_classes(whole: Whole) -> dict[str, dict[str, Measured]]:
    """Both metrics by class and name: the classifiers tell all classes apart, so that they are trained once."""
    measured = gan_train_test(
        [of_class.images for of_class in whole.train],
        [of_class.images for of_class in whole.holdout],
        [None if of_class is None else of_class.images for of_class in whole.synthetic],
        steps=min(whole.job.gate.judge_steps, MAX_STEPS),
        seed=randomness.key(whole.job.generation.seed, "", "GAN-train and GAN-test") % 2**31,
        kinds=whole.job.gate.augmentation,
        on_progress=whole.on_progress,
    )
    return dict(zip(whole.generated, measured, strict=True))


def _of(subject: Subject) -> dict[str, Measured]:
    return subject.whole.once(_of_classes)[subject.label]


GAN_TRAIN = Metric(
    name="gan_train",
    title="GAN-train",
    says="recall of real images, of a classifier of synthetic ones",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=lambda subject: _of(subject)["gan_train"],
    in_log=True,
)
GAN_TEST = Metric(
    name="gan_test",
    title="GAN-test",
    says="recall of synthetic images, of a classifier of real ones",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=lambda subject: _of(subject)["gan_test"],
)
GAN_TRAIN_TEST = (GAN_TRAIN, GAN_TEST)
