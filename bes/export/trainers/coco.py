"""Format `coco`: a COCO instances file with an annotation for each class of a photograph."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as rle

from bes.data.manifest import VOID, ImageRecord
from bes.export.contents import Contents


def write(contents: Contents) -> None:
    """`images/{train,val}` and `annotations/instances_{train,val}.json`.

    Labels know no instances, so all pixels of a class are one annotation: connected regions would
    tear what is seen in parts, join what touches, and make instances of specks. Categories have the
    label indices as their ids. Void pixels belong to no annotation, since COCO has no place for
    them; the entry of their photograph has them as `void`, which `bes import` reads.
    """
    for split, records in (("train", contents.train), ("val", contents.val)):
        if records:
            contents.place_photographs(records, f"images/{split}")
            content = json.dumps(_instances(contents, records))
            contents.write(f"annotations/instances_{split}.json", content)


def _instances(contents: Contents, records: list[ImageRecord]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, record in enumerate(records, 1):
        labels = contents.labels(record)
        images.append(
            {
                "id": image_id,
                "file_name": f"{record.id}.jpg",
                "width": record.width,
                "height": record.height,
            }
        )
        if (labels == VOID).any():
            images[-1]["void"] = _run_lengths(labels == VOID)
        for mask in class_masks(labels, len(contents.catalog.classes)):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id} | mask)
    return {
        "info": {"description": "pseudo labels and masks, written by `bes export`"},
        "licenses": [],
        "images": images,
        "categories": [
            {"id": index, "name": name, "supercategory": ""}
            for index, name in enumerate(contents.catalog.classes, 1)
        ],
        "annotations": annotations,
    }


def class_masks(labels: np.ndarray, classes: int) -> Iterator[dict[str, Any]]:
    """The annotations of labels, uint8 (H, W): for each of so many classes that occurs, its pixels
    as a compressed run-length code."""
    for index in range(1, classes + 1):
        code = _run_lengths(labels == index)
        if area := int(rle.area(code)):
            yield {
                "category_id": index,
                "segmentation": code,
                "area": area,
                "bbox": rle.toBbox(code).tolist(),
                "iscrowd": 0,
            }


def _run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """A mask, bool (H, W), as a compressed run-length code that JSON can hold."""
    code = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode()}
