"""Format `label-studio`: tasks with pre-annotations of the brush, photographs and the labels."""

import json
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from bes.data.manifest import ImageRecord
from bes.export.brush_code import encode_brush
from bes.export.contents import Contents
from bes.export.reserved import drawn_names, hex_colour


def write(contents: Contents) -> None:
    """`images`, `tasks.json` to import and `labels.xml`, the labelling configuration.

    The labels are predictions, which a person submits as they are or changed. A task names its
    photograph as `photograph`, whatever becomes of the address. Raises UnfitName for a class that
    is called like what is none.
    """
    names = drawn_names(contents.catalog.classes)
    contents.place_photographs(contents.train, "images")
    tasks = [_task(contents, record, names) for record in contents.train]
    contents.write("tasks.json", json.dumps(tasks, ensure_ascii=False))
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(hex_colour(index))}/>\n"
        for index, name in names.items()
    )
    contents.write(
        "labels.xml",
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="label" toName="image">\n{labels}  </BrushLabels>\n</View>\n',
    )


def _task(contents: Contents, record: ImageRecord, names: dict[int, str]) -> dict[str, Any]:
    labels = contents.labels(record)
    result = [
        {
            "id": f"label{index}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": record.width,
            "original_height": record.height,
            "image_rotation": 0,
            "value": {
                "format": "rle",
                "rle": encode_brush(labels == index),
                "brushlabels": [names[index]],
            },
        }
        for index in np.unique(labels).tolist()
        if index
    ]
    address = f"/data/local-files/?d=images/{quote(record.id)}.jpg"
    return {
        "data": {"image": address, "photograph": record.id},
        "predictions": [{"model_version": "bes", "result": result}],
    }
