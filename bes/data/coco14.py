"""COCO 2014 as used for weak supervision: 80 classes as 1..80, masks of the objects."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bes.data.download import Archive
from bes.data.folder import Collected, Entry
from bes.errors import BesError
from bes.storage.pool import limit_threads
from bes.storage.words import counted

HOST = "http://images.cocodataset.org"
ARCHIVES = (
    Archive(f"{HOST}/zips/train2014.zip", "0da8c0bd3d6becc4dcb32757491aca88", ("train2014",)),
    Archive(f"{HOST}/zips/val2014.zip", "a3d79f5ed8d289b7a7554ce06a5782b3", ("val2014",)),
    Archive(
        f"{HOST}/annotations/annotations_trainval2014.zip",
        "0a379cfc70b0e71301e0f377548639bd",
        ("annotations/instances_train2014.json", "annotations/instances_val2014.json"),
    ),
)
SPLITS = ("train", "val")
FOLDERS = (".", "JPEGImages", "coco2014", "images")
MASKS = "class_masks"
"""Below the root: what was drawn from the annotations. Not `SegmentationClass`, where others keep
masks of this dataset with other numbers."""


def sources(root: Path) -> list[str]:
    """The files and folders that the dataset is read from, relative to the root.

    Raises BesError if one is missing.
    """
    parts = [find(root, split) for split in SPLITS for find in (_photographs, _annotations)]
    return parts + ([MASKS] if (root / MASKS).exists() else [])


def missing(root: Path) -> tuple[Archive, ...]:
    """The archives of what lies at none of its places."""
    return tuple(
        archive for archive in ARCHIVES if not all(_find(root, part) for part in archive.parts)
    )


def _photographs(root: Path, split: str) -> str:
    return _first(root, f"{split}2014")


def _annotations(root: Path, split: str) -> str:
    return _first(root, f"annotations/instances_{split}2014.json")


def _find(root: Path, name: str) -> str | None:
    places = [f"{folder}/{name}".removeprefix("./") for folder in FOLDERS]
    return next((place for place in places if (root / place).exists()), None)


def _first(root: Path, name: str) -> str:
    place = _find(root, name)
    if place is None:
        raise BesError(
            f"dataset.root: found no {name} in {root}, expected it there, or `download: true`"
        )
    return place


@dataclass(frozen=True)
class _Object:
    """An annotation that is no crowd."""

    id: int
    index: int
    """Label index of its class, from 1."""
    outline: list[list[float]] | dict[str, Any]
    """Polygons, or a run-length encoding."""


@dataclass(frozen=True)
class _Image:
    file: str
    height: int
    width: int
    objects: list[_Object]


def collect(root: Path, *, threads: int) -> Collected:
    """Photographs, labels and masks of train2014 and val2014.

    Labels and masks are of the objects that are no crowds; where objects overlap, the later one in
    the annotations has the pixels. Masks are drawn once, to `class_masks/`. Training photographs
    without labels are left out.

    Raises BesError where annotations cannot be read or a mask cannot be drawn; all other problems
    are collected.
    """
    found = Collected()
    drawings = [_add_split(found, root, split) for split in SPLITS]
    if found.problems:
        found.entries.clear()  # not all have a mask yet, which takes minutes
    else:
        for masks, images, path in drawings:
            _draw_missing(masks, images, path, threads)
    found.mask_values = tuple(range(1, len(found.classes) + 1))
    return found


def _add_split(
    found: Collected, root: Path, split: str
) -> tuple[dict[str, Path], dict[str, _Image], Path]:
    """Add the entries of a split; returns what their masks are drawn from."""
    path = root / _annotations(root, split)
    classes, images = _read(path)
    if found.classes and classes != found.classes:
        raise BesError(
            f"{path}: found {len(classes)} classes that differ from the {len(found.classes)} of "
            "the training annotations, expected the same"
        )
    found.classes = classes
    folder = _photographs(root, split)
    files = {entry.name for entry in (root / folder).iterdir()}
    if rest := len(files - {image.file for image in images.values()}):
        found.notes.append(f"{counted(rest, 'file')} in {folder} of no annotation, left out")
    if split == "train":
        labelled = {id_: image for id_, image in images.items() if image.objects}
        if unlabelled := len(images) - len(labelled):
            found.notes.append(f"{unlabelled} training photographs without labels, left out")
        images = labelled
    masks: dict[str, Path] = {}
    for id_, image in images.items():
        if image.file not in files:
            found.problems.append(
                f"{root / folder / image.file}: no such photograph, expected one of {path.name}"
            )
            continue
        present = sorted({item.index for item in image.objects})
        labels = tuple(classes[index - 1] for index in present)
        mask = f"{MASKS}/{split}2014/{id_}.png"
        masks[id_] = root / mask
        found.entries.append(Entry(id_, f"{folder}/{image.file}", labels, split, mask))
    return masks, images, path


def _read(path: Path) -> tuple[tuple[str, ...], dict[str, _Image]]:
    """The class names in the order of their numbers, and the images by file name without ending."""
    try:
        content = json.loads(path.read_bytes())
        categories = sorted(content["categories"], key=lambda category: category["id"])
        index = {category["id"]: number for number, category in enumerate(categories, 1)}
        images = {
            image["id"]: _Image(image["file_name"], image["height"], image["width"], [])
            for image in content["images"]
        }
        for item in content["annotations"]:
            if not item["iscrowd"]:
                images[item["image_id"]].objects.append(
                    _Object(item["id"], index[item["category_id"]], item["segmentation"])
                )
        names = tuple(category["name"] for category in categories)
        by_name = {Path(image.file).stem: image for image in images.values()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BesError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), expected COCO's object "
            "annotations"
        ) from None
    for image in by_name.values():
        if not all(isinstance(side, int) and side > 0 for side in (image.width, image.height)):
            raise BesError(
                f"{path}: image {image.file!r}: found the size {image.width}x{image.height}, "
                "expected the width and height of the photograph in pixels"
            )
    return names, by_name


def _draw_missing(
    masks: dict[str, Path], images: dict[str, _Image], path: Path, threads: int
) -> None:
    limit_threads(1)
    try:
        import numpy as np
        from pycocotools import mask as coco_mask
    except ImportError:
        raise BesError(
            "pycocotools: not installed, expected for `kind: coco14`; `pip install pycocotools`"
        ) from None
    from bes.data.drawn_masks import write_missing

    def draw(id_: str) -> np.ndarray:
        image = images[id_]
        size = image.height, image.width
        mask = np.zeros(size, np.uint8)
        for item in image.objects:
            outline: Any = item.outline
            try:
                if isinstance(outline, list):
                    outline = coco_mask.merge(coco_mask.frPyObjects(outline, *size))
                elif isinstance(outline["counts"], list):
                    outline = coco_mask.frPyObjects(outline, *size)
                mask[coco_mask.decode(outline) != 0] = item.index
            except Exception as error:  # plain Exceptions too are raised there
                raise BesError(
                    f"{path}: annotation {item.id}: cannot be drawn ({error}), expected polygons "
                    f"or a run-length encoding within {image.width}x{image.height} pixels"
                ) from None
        return mask

    write_missing(masks, draw, processes=threads)
