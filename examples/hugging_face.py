"""Put a release beside the real images as a Hugging Face DatasetDict: train (real and synthetic) and test (real).

    python examples/hugging_face.py outputs/digits/latest --out signs-and-more

Needs datasets and dcgan-augment without extras. The result has the columns `image`, `label` (a ClassLabel) and
`synthetic`, and is read back with `datasets.load_from_disk`. The last line says what the release advises to train with.
"""

import argparse
from pathlib import Path

import datasets
import numpy as np

import dcgan


def real_images(
    release: dcgan.Release, source: Path | None, split: str, features: datasets.Features
) -> datasets.Dataset:
    """Real images of a split, as a dataset."""
    images, labels = release.real(source, split=split)
    pictures = [image.squeeze() for image in images]  # grey images without an axis of channels
    rows = {"image": pictures, "label": labels.tolist(), "synthetic": [False] * len(labels)}
    return datasets.Dataset.from_dict(rows, features=features)


def synthetic_images(release: dcgan.Release, features: datasets.Features) -> datasets.Dataset:
    """The release's images as Hugging Face reads its folder: labels are names, beside what else the manifest says."""
    read = datasets.load_dataset(str(release.path), split="train")
    index = {name: number for number, name in enumerate(release.class_names)}
    columns = [name for name in read.column_names if name not in features]
    read = read.map(lambda row: {"label": index[row["label"]], "synthetic": True}, remove_columns=columns)
    return read.cast(features)


def main() -> None:
    """Read, put together and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder of a release, such as outputs/digits/latest")
    parser.add_argument("--real", type=Path, help="where the real images are now (default: where the job found them)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the datasets to")
    arguments = parser.parse_args()

    release = dcgan.load_release(arguments.release)
    names = datasets.ClassLabel(names=release.class_names)
    features = datasets.Features({"image": datasets.Image(), "label": names, "synthetic": datasets.Value("bool")})
    real, synthetic = real_images(release, arguments.real, "train", features), synthetic_images(release, features)
    both = datasets.DatasetDict(
        train=datasets.concatenate_datasets([real, synthetic]),
        test=real_images(release, arguments.real, "holdout", features),  # real images that no GAN has seen
    )
    both.save_to_disk(str(arguments.out))

    for split, dataset in both.items():
        labels, synthetic = np.array(dataset["label"]), np.array(dataset["synthetic"])
        for number, name in enumerate(release.class_names):
            of_class = labels == number
            print(
                f"{split:6}{name:20}{(of_class & ~synthetic).sum():6,} real{(of_class & synthetic).sum():6,} synthetic"
            )
    parts = {"the synthetic images": release.recipe.synthetic, "mixup": release.recipe.mixup,
             "guessed labels": release.recipe.guessed}  # fmt: skip
    advised = [f"{'with' if part else 'without'} {name}" for name, part in parts.items()]
    print(f"The release advises to train {', '.join(advised)}")


if __name__ == "__main__":
    main()
