"""A small folder of photographs to do harm to; cat and dog have VOC's mask values, 8 and 12."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bes.stages.dataset import DatasetOptions, run_dataset

SIZE = (32, 24)
"""Width and height."""


class Folder:
    """Photographs 0.jpg to 5.jpg with labels, masks and split lists; `run` makes the manifest."""

    def __init__(self, base: Path):
        self.root, self.out = base / "photographs", base / "dataset"
        self.rows = {f"{i}.jpg": ["cat", "dog", "cat dog"][i % 3] for i in range(6)}
        for name in self.rows:
            self.photograph(f"JPEGImages/{name}")
            self.mask(f"SegmentationClass/{Path(name).stem}.png", [0, 8, 12, 255])
        self.write("ImageSets/Segmentation/train.txt", "0\n1\n2\n3\n")
        self.write("ImageSets/Segmentation/val.txt", "4\n5\n")
        self.table()

    def path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: str | bytes) -> None:
        content = content.encode() if isinstance(content, str) else content
        self.path(name).write_bytes(content)

    def photograph(self, name: str, size: tuple[int, int] = SIZE, **save: object) -> None:
        seed = sum(name.encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(self.path(name), **save)

    def mask(self, name: str, values: list[int], size: tuple[int, int] = SIZE) -> None:
        pixels = np.resize(np.array(values, np.uint8), (size[1], size[0]))
        Image.fromarray(pixels).save(self.path(name))

    def table(self) -> None:
        rows = "".join(f"{name},{labels}\n" for name, labels in self.rows.items())
        self.write("labels.csv", f"image,labels\n{rows}")

    def run(self, *, shards: int = 4, **options: object) -> None:
        run_dataset(
            DatasetOptions(root=str(self.root), **options), out=self.out, shards=shards, threads=2
        )

    def written(self) -> dict[str, bytes]:
        """The files of the manifest and their content."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder without faults."""
    return Folder(tmp_path)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[str], Folder]:
    """Several of them."""
    return lambda name: Folder(tmp_path / name)
