"""The German Traffic Sign Recognition Benchmark as its archives unpack."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.samples import listed, noise, source_of

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def picture(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(number)).save(file, "PPM")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """Two classes of two training images, and three test images."""
    training = tmp_path / "GTSRB" / "Final_Training" / "Images"
    for number in range(2):
        folder = training / f"{number:05d}"
        for position in range(2):
            picture(folder / f"00000_{position:05d}.ppm", 10 * number + position)
        lines = "".join(f"00000_{position:05d}.ppm;10;12;1;1;9;11;{number}\n" for position in range(2))
        (folder / f"GT-{number:05d}.csv").write_text(HEADER + lines)
    test = tmp_path / "GTSRB" / "Final_Test" / "Images"
    for number in range(3):
        picture(test / f"{number:05d}.ppm", 50 + number)
    lines = "".join(f"{number:05d}.ppm;10;12;1;1;9;11;{number % 2}\n" for number in range(3))
    (test / "GT-final_test.csv").write_text(HEADER + lines)
    (test / "GT-final_test.test.csv").write_text(HEADER.replace(";ClassId", ""))
    return tmp_path / "GTSRB"


@pytest.mark.parametrize("above", [False, True])
def test_whole_benchmark_is_read_with_its_splits(benchmark: Path, above: bool) -> None:
    root = benchmark.parent if above else benchmark
    source = source_of(root)
    assert source.reading.in_words(source.entries).startswith("GTSRB, splits train (4) and test (3), labels from")
    found = listed(root)
    assert len(found) == 7 and not any(problem for _, _, problem in found.values())
    assert found["Final_Test/Images/00001.ppm"] == ("00001", "test", "")
    assert found["Final_Training/Images/00000/00000_00001.ppm"] == ("00000", "train", "")
    assert Path(source.file(0)).is_file()


def test_classes_of_test_images_may_stand_at_the_top(benchmark: Path) -> None:
    annotations = benchmark / "Final_Test" / "Images" / "GT-final_test.csv"
    annotations.rename(benchmark / annotations.name)
    assert listed(benchmark)["Final_Test/Images/00002.ppm"] == ("00000", "test", "")


def test_training_images_alone_are_a_folder_per_class(benchmark: Path) -> None:
    source = source_of(benchmark / "Final_Training" / "Images")
    assert source.labels == ["00000", "00001"] and source.reading.title == "folder per class"


def test_annotations_alone_are_a_table_of_test_images(benchmark: Path) -> None:
    file = benchmark / "Final_Test" / "Images" / "GT-final_test.csv"
    assert [label for label, _, _ in listed(file).values()] == ["00000", "00001", "00000"]
