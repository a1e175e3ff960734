"""Format `coco`: a COCO instances file with an annotation for each class of a photograph."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as rle

from bes.data.manifest import ImageRecord
from bes.export.contents import Contents


def write(contents: Contents) -> None:
    """`train` and `val` with photographs, `annotations/instances_{train,val}.json`.

    Labels know no instances, so all pixels of a class are one annotation: connected regions would
    tear what is seen in parts, join what touches, and make instances of specks. Categories have the
    label indices as their ids. Void pixels belong to no annotation, since COCO has no place for
    them.
    """
    for split, records in (("train", contents.train), ("val", contents.val)):
        if records:
            contents.place_photographs(records, split)
            content = json.dumps(_instances(contents, records))
            contents.write(f"annotations/instances_{split}.json", content)


def _instances(contents: Contents, records: list[ImageRecord]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, record in enumerate(records, 1):
        for mask in class_masks(contents.labels(record), len(contents.catalog.classes)):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id} | mask)
    return {
        "info": {"description": "pseudo labels and masks, written by `bes export`"},
        "licenses": [],
        "images": [
            {"id": i, "file_name": f"{r.id}.jpg", "width": r.width, "height": r.height}
            for i, r in enumerate(records, 1)
        ],
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
        code = rle.encode(np.asfortranarray(labels == index, np.uint8))
        if area := int(rle.area(code)):
            yield {
                "category_id": index,
                "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
                "area": area,
                "bbox": rle.toBbox(code).tolist(),
                "iscrowd": 0,
            }
