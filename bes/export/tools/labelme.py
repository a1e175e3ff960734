"""Format `labelme`: a folder that labelme opens, a JSON with masks beside each photograph."""

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from bes.export.contents import Contents
from bes.export.reserved import drawn_names


def write(contents: Contents) -> None:
    """`<id>.jpg`, `<id>.json`, and `labels.txt` for `labelme --labels`.

    A class is one shape of type `mask`, which keeps every pixel. Raises UnfitName for a class that
    is called like what is none.
    """
    names = drawn_names(contents.catalog.classes)
    contents.place_photographs(contents.train, ".")
    for record in contents.train:
        labels = contents.labels(record)
        content: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": [
                _shape(names[index], labels == index)
                for index in np.unique(labels).tolist()
                if index
            ],
            "imagePath": f"{record.id}.jpg",
            "imageData": None,
            "imageHeight": record.height,
            "imageWidth": record.width,
        }
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        contents.write(f"{record.id}.json", text)
    contents.write_lines("labels.txt", names.values())


def _shape(name: str, mask: np.ndarray) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    content = io.BytesIO()
    crop = mask[top : bottom + 1, left : right + 1].astype(np.uint8) * 255
    Image.fromarray(crop).convert("1").save(content, "PNG")
    return {
        "label": name,
        "points": [[float(left), float(top)], [float(right), float(bottom)]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(content.getvalue()).decode(),
    }
