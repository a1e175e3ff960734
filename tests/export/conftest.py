"""Six photographs of every kind with pseudo labels, exported in whatever format a test asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from vouching import vouch_for

from bes.data.images import encode_labels, read_photograph
from bes.data.manifest import ImageRecord, read_manifest
from bes.stages.dataset import run_dataset
from bes.stages.export import ExportOptions, run_export
from bes.stages.shared.dataset_kinds import DatasetOptions

SIZE = (36, 48)
"""Height and width of the photographs as they are displayed."""
TRAIN = {"first": "jpg", "grey": "jpeg", "lossless": "png", "turned": "jpg"}
VAL = {"later": "jpg", "last": "jpg"}
VOC_VALUES = np.full(256, 255, np.uint8)
"""Pixel value in the masks of label index 0, 1 (cat) and 2 (dog)."""
VOC_VALUES[:3] = 0, 8, 12


@dataclass
class Project:
    """A dataset of cats and dogs whose masks have VOC's values, and the pseudo labels of its
    training photographs."""

    base: Path
    classes: tuple[str, ...] = ("cat=8", "dog=12")
    shards = 2

    @property
    def root(self) -> Path:
        return self.base / "photographs"

    @property
    def pseudo_labels(self) -> Path:
        return self.base / "pseudo_labels"

    @property
    def records(self) -> dict[str, ImageRecord]:
        return {r.id: r for r in read_manifest(self.base / "dataset" / "images.csv")}

    def label(self, image: str) -> np.ndarray:
        """The label indices of a training photograph as they were drawn: uint8 (H, W)."""
        labels = np.zeros(SIZE, np.uint8)
        shift = sorted(TRAIN).index(image)
        labels[4 : 20 + shift, 6:30] = 1
        labels[22:30, 20 : 40 + shift] = 2
        return labels

    def truth(self, image: str) -> np.ndarray:
        """The label indices that a mask stands for: uint8 (H, W)."""
        indices = np.zeros(SIZE, np.uint8)
        indices[5 : 24 + len(image) % 7, 3:25] = 1
        indices[26:33, 18:44] = 2
        indices[:, -3:] = 255
        return indices

    def mask(self, image: str) -> np.ndarray:
        """The pixel values of a mask as it was drawn: uint8 (H, W)."""
        return VOC_VALUES[self.truth(image)]

    def photograph(self, image: str) -> np.ndarray:
        """A photograph as it is displayed: uint8 (H, W, 3)."""
        return read_photograph(self.root / self.records[image].path)

    def draw(self) -> None:
        """Write photographs, masks, lists, table and pseudo labels, and read them in."""
        folders = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
        for folder in (*(self.root / name for name in folders), self.pseudo_labels):
            folder.mkdir(parents=True)
        for number, (image, ending) in enumerate((TRAIN | VAL).items()):
            pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
            photograph, save = Image.fromarray(pixels), {}
            if image == "grey":
                photograph = photograph.convert("L")
            if image == "turned":  # stored on its side, displayed upright
                photograph, exif = photograph.transpose(Image.Transpose.ROTATE_90), Image.Exif()
                exif[0x0112] = 6
                save["exif"] = exif
            photograph.save(self.root / "JPEGImages" / f"{image}.{ending}", **save)
            mask = encode_labels(self.mask(image))
            (self.root / "SegmentationClass" / f"{image}.png").write_bytes(mask)
        rows = "".join(f"{image},cat dog\n" for image in TRAIN | VAL)
        (self.root / "labels.csv").write_text(f"image,labels\n{rows}")
        for split, images in (("train", TRAIN), ("val", VAL)):
            lines = "".join(f"{image}\n" for image in images)
            (self.root / "ImageSets/Segmentation" / f"{split}.txt").write_text(lines)
        for image in TRAIN:
            path = self.pseudo_labels / f"{image}.png"
            path.write_bytes(encode_labels(self.label(image)))
        self.read()

    def read(self) -> None:
        """Make the manifest anew."""
        options = DatasetOptions(root=str(self.root), classes=self.classes)
        run_dataset(options, out=self.base / "dataset", shards=self.shards, threads=1)
        vouch_for(self.pseudo_labels, self.base / "dataset")

    def write_label(self, image: str, content: bytes) -> None:
        (self.pseudo_labels / f"{image}.png").write_bytes(content)
        vouch_for(self.pseudo_labels, self.base / "dataset")

    def export(self, format: str, **options: Any) -> Path:
        """Export to a folder of the format's name, and return it."""
        out = self.base / "export" / format
        run_export(
            ExportOptions(**options),
            format=format,
            dataset=self.base / "dataset",
            pseudo_labels=self.pseudo_labels,
            out=out,
            threads=2,
        )
        return out


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.draw()
    return project


@pytest.fixture
def indices(project: Project) -> Callable[[str], np.ndarray]:
    """What a trainer must read of a photograph, of the pseudo label or the mask: 0 background,
    1 cat, 2 dog, 255 void."""
    return lambda image: project.label(image) if image in TRAIN else project.truth(image)
