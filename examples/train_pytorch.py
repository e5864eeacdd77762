"""Train a small PyTorch classifier without and with a release's images and mixup; test on held-out real images.

    python examples/train_pytorch.py outputs/digits/latest

Needs torch, torchvision and dcgan-augment without extras. The synthetic images are read from the release's Parquet
manifest, or with `--reader folder` from its folders, by torchvision's ImageFolder.
"""

import argparse
import functools
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, TensorDataset, WeightedRandomSampler, default_collate
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import dcgan

Batch = tuple[torch.Tensor, torch.Tensor]
MODES = {1: "L", 3: "RGB"}  # of Pillow, by number of channels


def read_image(path: str | Path, channels: int) -> torch.Tensor:
    """An image file as uint8 (C, H, W)."""
    with Image.open(path) as image:
        return v2.functional.pil_to_tensor(image.convert(MODES[channels]))


class ManifestImages(Dataset):
    """A release's images by its manifest: uint8 (C, H, W), and the index of the class."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder, self.channels = folder, channels
        rows = pd.read_parquet(folder / "manifest.parquet", columns=["path", "class_index"])
        self.paths, self.targets = rows["path"].to_list(), rows["class_index"].to_list()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return read_image(self.folder / self.paths[number], self.channels), self.targets[number]


def folder_images(folder: Path, channels: int) -> ImageFolder:
    """The same by torchvision's ImageFolder, with the manifest's numbers for classes.

    ImageFolder numbers the folders that it finds, and a class that did not ship has none.
    """
    rows = pd.read_parquet(folder / "manifest.parquet", columns=["path", "class_index"])
    index = dict(zip(rows["path"].str.split("/").str[1], rows["class_index"].to_list(), strict=True))
    images = ImageFolder(str(folder / "images"), loader=lambda path: read_image(path, channels))
    images.samples = [(path, index[images.classes[number]]) for path, number in images.samples]
    images.targets = [number for _, number in images.samples]
    return images


class Augmented(Dataset):
    """Images of several datasets, each augmented when it is drawn: float32 (C, H, W) in 0 to 1."""

    def __init__(self, parts: list[Dataset]) -> None:
        self.images = ConcatDataset(parts)
        height, width = self.images[0][0].shape[1:]
        moved = v2.RandomCrop((height, width), padding=(width // 8, height // 8), padding_mode="edge")
        self.transform = v2.Compose([moved, v2.ColorJitter(brightness=0.2), v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        image, label = self.images[number]
        return self.transform(image), int(label)


def batches(
    real: TensorDataset, synthetic: Dataset | None, shares: np.ndarray, *, mixup: bool, size: int, steps: int
) -> DataLoader:
    """Batches as the job's classifiers were trained with: every class equally often, its synthetic images by share.

    Args:
        real: training images.
        synthetic: images of the release; None: none.
        shares: (K,) of each class's draws that are synthetic, 0 to 1.
        mixup: whether to mix images and labels.
        size: images in a batch.
        steps: batches.
    """
    labels = [real.tensors[1].numpy(), np.array(synthetic.targets if synthetic is not None else [], int)]
    counts = [np.bincount(each, minlength=len(shares)) for each in labels]
    shares = np.where(counts[0] == 0, 1.0, np.where(counts[1] == 0, 0.0, shares))
    weights = [(1 - shares[labels[0]]) / counts[0][labels[0]], shares[labels[1]] / counts[1][labels[1]]]
    return DataLoader(
        Augmented([real] if synthetic is None else [real, synthetic]),
        size,
        sampler=WeightedRandomSampler(np.concatenate(weights).tolist(), num_samples=size * steps),
        collate_fn=functools.partial(collate, v2.MixUp(alpha=0.2, num_classes=len(shares)) if mixup else None),
    )


def collate(mix: v2.MixUp | None, drawn: list[tuple[torch.Tensor, int]]) -> Batch:
    """A batch of images and labels, mixed if so wanted."""
    images, labels = default_collate(drawn)
    return mix(images, labels) if mix else (images, labels)


def make_classifier(channels: int, num_classes: int) -> nn.Sequential:
    """Images (N, C, H, W) in 0 to 1 to logits."""
    return nn.Sequential(
        v2.Normalize([0.5] * channels, [0.5] * channels),
        nn.Conv2d(channels, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(64, num_classes),
    )  # fmt: skip


def recalls(drawn: DataLoader, steps: int, test: TensorDataset, num_classes: int) -> np.ndarray:
    """Train on batches; give the recall of each class that has test images."""
    images, labels = test.tensors
    model = make_classifier(images.shape[1], num_classes)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for drawn_images, targets in drawn:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(drawn_images), targets).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        right = (model(images / 255).argmax(1) == labels).numpy()
    return np.array([right[labels.numpy() == label].mean() for label in labels.unique()])


def tensors(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
    """Images uint8 (N, H, W, C) and labels (N,) as PyTorch has them."""
    return TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels))


def main() -> None:
    """Train, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder of a release, such as outputs/digits/latest")
    parser.add_argument("--real", type=Path, help="where the real images are now (default: where the job found them)")
    parser.add_argument("--reader", choices=["manifest", "folder"], default="manifest", help="of the synthetic images")
    parser.add_argument("--steps", type=int, default=1500, help="optimizer steps of each training (default: 1500)")
    parser.add_argument("--batch-size", type=int, default=64, help="images per optimizer step (default: 64)")
    arguments = parser.parse_args()

    release = dcgan.load_release(arguments.release)
    real, test = (tensors(*release.real(arguments.real, split=split)) for split in ("train", "holdout"))
    channels, num_classes = release.image_shape[2], len(release.class_names)
    read = ManifestImages if arguments.reader == "manifest" else folder_images
    synthetic = read(release.path, channels)
    print(f"{len(real):,} real training images, {len(synthetic):,} synthetic ones, {len(test):,} held-out real images")

    shares = np.array([entry.synthetic_share for entry in release.record.classes.values()])
    arms = {
        "classical augmentation": (None, False),
        "and mixup": (None, True),
        "and all images": (synthetic, False),
        "and both": (synthetic, True),
    }
    advised = bool(release.recipe.synthetic), release.recipe.mixup
    if release.recipe.guessed:
        print("The release also advises images with guessed labels, which are not drawn here: see release.guessed()")
    print(f"{arguments.steps:,} optimizer steps each, on held-out real images:")
    print(f"{'trained with':24}{'balanced accuracy':>18}")
    for arm, (images, mixup) in arms.items():
        torch.manual_seed(0)
        drawn = batches(real, images, shares, mixup=mixup, size=arguments.batch_size, steps=arguments.steps)
        recall = recalls(drawn, arguments.steps, test, num_classes)
        note = "  as the release advises" if (images is not None, mixup) == advised else ""
        print(f"{arm:24}{recall.mean():>18.1%}{note}")


if __name__ == "__main__":
    main()
