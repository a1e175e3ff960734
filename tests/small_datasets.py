"""Datasets of a few tiny photographs, of each kind, to read and to do harm to."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse
from PIL import Image

from bes.data.images import read_mask
from bes.data.manifest import ImageRecord, read_manifest
from bes.stages.dataset import run_dataset
from bes.stages.shared.dataset_kinds import DatasetOptions

SIZE = (32, 24)
"""Width and height of the photographs of a folder."""
VOC_SIZE = (12, 10)
"""Width and height of those of VOC."""


class Folder:
    """Photographs 0.jpg to 5.jpg with labels, masks and split lists; `run` makes the manifest."""

    def __init__(self, base: Path):
        self.root, self.out = base / "photographs", base / "dataset"
        self.rows = {f"{i}.jpg": ["cat", "dog", "cat dog"][i % 3] for i in range(6)}
        for name in self.rows:
            self.photograph(f"JPEGImages/{name}")
            self.mask(f"SegmentationClass/{Path(name).stem}.png", [0, 1, 2, 255])
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


TRAIN, VAL, MORE = ["2007_01", "2007_02"], ["2007_03", "2007_04"], ["2008_05", "2008_06"]


def boxes(*names: str, difficult: str = "", part: str = "") -> str:
    objects = "".join(
        f"<object><name>{name}</name><difficult>{int(name == difficult)}</difficult>"
        + (f"<part><name>{part}</name></part>" if part else "")
        + "</object>"
        for name in names
    )
    return f"<annotation><filename>x.jpg</filename>{objects}</annotation>"


def truth_file(mask: np.ndarray, boundaries: dict[int, np.ndarray]) -> bytes:
    """A `cls/*.mat` with sparse boundaries of 20 classes."""
    cells = np.empty((20, 1), object)
    for index in range(20):
        layer = boundaries.get(index + 1, np.zeros(mask.shape, bool))
        cells[index, 0] = scipy.sparse.csc_matrix(layer)
    content = io.BytesIO()
    present = np.unique(mask[mask > 0])[:, None]
    truth = {"Boundaries": cells, "Segmentation": mask, "CategoriesPresent": present}
    scipy.io.savemat(content, {"GTcls": truth}, do_compression=True)
    return content.getvalue()


class Published:
    """VOC 2012 and SBD in miniature: SBD adds two photographs and lists one of VOC's val."""

    def __init__(self, base: Path):
        self.root, self.out = base / "voc", base / "dataset"
        self.voc = "VOCdevkit/VOC2012"
        for image in TRAIN + VAL + MORE:
            pixels = np.random.default_rng(sum(image.encode())).integers(
                0, 256, (*VOC_SIZE[::-1], 3)
            )
            picture = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(picture, "JPEG")
            self.write(f"{self.voc}/JPEGImages/{image}.jpg", picture.getvalue())
            self.write(f"{self.voc}/Annotations/{image}.xml", boxes("dog", "aeroplane", "dog"))
        for image in TRAIN + VAL:
            mask = io.BytesIO()
            Image.fromarray(np.resize(np.array([0, 1, 12, 255], np.uint8), VOC_SIZE[::-1])).save(
                mask, "PNG"
            )
            self.write(f"{self.voc}/SegmentationClass/{image}.png", mask.getvalue())
        for image in MORE:
            mask = np.resize(np.array([0, 12], np.uint8), VOC_SIZE[::-1])
            self.write(f"benchmark_RELEASE/dataset/cls/{image}.mat", truth_file(mask, {}))
        self.lists = {
            f"{self.voc}/ImageSets/Segmentation/train.txt": TRAIN,
            f"{self.voc}/ImageSets/Segmentation/val.txt": VAL,
            "benchmark_RELEASE/dataset/train.txt": [TRAIN[0], MORE[1], VAL[0]],
            "benchmark_RELEASE/dataset/val.txt": [MORE[0]],
        }
        for name, images in self.lists.items():
            self.write(name, "".join(f"{image}\n" for image in images))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def options(self, **options: Any) -> DatasetOptions:
        return DatasetOptions(kind="voc12", root=str(self.root), **options)

    def run(self, **options: Any) -> dict[str, ImageRecord]:
        run_dataset(self.options(**options), out=self.out, shards=2, threads=2)
        return {record.id: record for record in read_manifest(self.out / "images.csv")}


WIDTH, HEIGHT = 40, 30
NUMBERS = [n for n in range(1, 91) if n not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
"""COCO's numbers of its 80 classes."""


def square(left: int, top: int, side: int) -> list[list[int]]:
    """A polygon that covers whole pixels."""
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


class Coco:
    """Three training images, one without labels, and two for validation."""

    def __init__(self, base: Path):
        self.root, self.out = base / "coco", base / "dataset"
        self.annotations: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
        self.images = {"train": [9, 25, 30], "val": [42, 73]}
        self.photographs = ""
        self.add("train", 9, 90, square(2, 2, 10))
        self.add("train", 25, 1, square(5, 5, 8))
        self.add("val", 42, 17, square(0, 0, 4))

    def add(self, split: str, image: int, category: int, outline: Any, crowd: int = 0) -> None:
        rows = self.annotations[split]
        rows.append(
            {
                "id": len(rows) + 100,
                "image_id": image,
                "category_id": category,
                "iscrowd": crowd,
                "segmentation": outline,
            }
        )

    def path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self) -> None:
        for split, images in self.images.items():
            names = {image: f"COCO_{split}2014_{image:012d}.jpg" for image in images}
            for image, name in names.items():
                pixels = np.full((HEIGHT, WIDTH, 3), image, np.uint8)
                Image.fromarray(pixels).save(self.path(f"{self.photographs}{split}2014/{name}"))
            content = {
                "images": [
                    {"id": image, "file_name": name, "height": HEIGHT, "width": WIDTH}
                    for image, name in names.items()
                ],
                "categories": [{"id": number, "name": f"class {number}"} for number in NUMBERS],
                "annotations": self.annotations[split],
            }
            path = self.path(f"annotations/instances_{split}2014.json")
            path.write_text(json.dumps(content))

    def options(self, **options: Any) -> DatasetOptions:
        return DatasetOptions(kind="coco14", root=str(self.root), **options)

    def run(self, **options: Any) -> dict[str, ImageRecord]:
        run_dataset(self.options(**options), out=self.out, shards=2, threads=2)
        return {record.id: record for record in read_manifest(self.out / "images.csv")}

    def mask(self, split: str, image: int) -> np.ndarray:
        return read_mask(self.root / f"class_masks/{split}2014/COCO_{split}2014_{image:012d}.png")
