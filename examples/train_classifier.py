"""Train a small classifier by classical augmentation alone and as a release advises; test on held-out real images.

    python examples/train_classifier.py outputs/digits/latest

All classifiers see the same classical augmentation and take equally many optimizer steps.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer of TensorFlow's greetings

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import dcgan


def make_classifier(image_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Images (N, H, W, C) in 0 to 255 to logits. Augmentation is part of the network, and rests when it predicts."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            layers.RandomBrightness(0.2),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalMaxPool2D(),
            layers.Dropout(0.3),
            layers.Dense(num_classes),
        ]
    )


def recalls(dataset: tf.data.Dataset, steps: int, test: tuple[np.ndarray, np.ndarray], num_classes: int) -> np.ndarray:
    """Train on endless batches of (images, targets); give each class's recall on the test images."""
    test_images, test_labels = test
    model = make_classifier(test_images.shape[1:], num_classes)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), loss)
    model.fit(dataset, steps_per_epoch=steps, verbose=0)
    right = model.predict(test_images.astype(np.float32), verbose=0).argmax(1) == test_labels
    return np.array([right[test_labels == label].mean() for label in np.unique(test_labels)])


def main() -> None:
    """Train, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder of a release, such as outputs/digits/latest")
    parser.add_argument("--real", type=Path, help="where the real images are now (default: where the job found them)")
    parser.add_argument("--unlabelled", type=Path, help="where the images without labels are, if labels were guessed")
    parser.add_argument("--steps", type=int, default=1500, help="optimizer steps of each training (default: 1500)")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind (default: 1)")
    parser.add_argument("--batch-size", type=int, default=64, help="images per optimizer step (default: 64)")
    arguments = parser.parse_args()

    release = dcgan.load_release(arguments.release)
    _, real_labels = real = release.real(arguments.real)  # what the GANs were trained on
    test = release.real(arguments.real, split="holdout")  # what no GAN has seen
    num_classes = len(release.class_names)
    counts = np.bincount(real_labels, minlength=num_classes)
    tested = np.unique(test[1])
    is_rare = counts[tested] <= counts.max() / 4

    print(
        f"{len(real_labels):,} real training images, {len(release.manifest):,} synthetic ones, "
        f"{len(test[1]):,} held-out real images to test on"
    )
    rare = ", ".join(release.class_names[label] for label in tested[is_rare]) or "none"
    print(f"Rare classes, with at most {counts.max() // 4} real training images: {rare}")

    steps = arguments.steps
    plain: dict[str, Any] = {"guessed": False, "mixup": False, "augmentation": ()}
    arms: dict[str, dict[str, Any]] = {
        "classical augmentation": {"synthetic": False, **plain},
        "and all images": {"synthetic": True, **plain},
        "as advised": {},
    }
    results: dict[str, list[np.ndarray]] = {arm: [] for arm in arms}
    for seed in range(arguments.seeds):
        for arm, choices in arms.items():
            keras.utils.set_random_seed(seed)
            dataset = release.dataset(
                real, unlabelled=arguments.unlabelled, batch_size=arguments.batch_size, seed=seed, **choices
            )
            results[arm].append(recalls(dataset, steps, test, num_classes))

    print(f"\n{steps:,} optimizer steps each; mean of {arguments.seeds}, on held-out real images:")
    print(f"{'trained with':24}{'balanced accuracy':>18}{'recall of rare classes':>25}")
    for arm, each in results.items():
        recall = np.mean(each, axis=0)
        of_rare = f"{recall[is_rare].mean():.1%}" if is_rare.any() else "-"
        print(f"{arm:24}{recall.mean():>18.1%}{of_rare:>25}")
    if arguments.seeds < 3:
        print("\nA single training can be a point or two better or worse by chance: --seeds 5 tells more.")


if __name__ == "__main__":
    main()
