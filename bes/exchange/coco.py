"""A COCO instances file: run-length codes and polygons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as rle

from bes.data.manifest import VOID
from bes.errors import BesError
from bes.exchange.drawing import Drawing, Names, Size, check_size, index_of, layered
from bes.exchange.polygons import fill


def read_coco(path: Path, content: dict[str, Any], names: Names) -> Iterator[Drawing]:
    """Each image of the file; categories count by their names, and what has no annotation is
    background."""
    try:
        categories = {one["id"]: one["name"] for one in content["categories"]}
        shapes: dict[Any, list[Any]] = {}
        for annotation in content["annotations"]:
            shapes.setdefault(annotation["image_id"], []).append(annotation)
        images = [
            (one, str(one["file_name"]), shapes.get(one["id"], [])) for one in content["images"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise BesError(f"{path}: found no {error}, expected a COCO instances file") from None
    for image, name, drawn in images:

        def draw(size: Size, image: dict[str, Any] = image, drawn: list[Any] = drawn) -> np.ndarray:
            check_size((image.get("height"), image.get("width")), size)
            try:
                layers = [(VOID, _pixels(image["void"], size))] if "void" in image else []
                for one in drawn:
                    index = index_of(categories.get(one["category_id"]), names)
                    layers.append((index, _pixels(one["segmentation"], size)))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise BesError(f"found a damaged annotation ({error}), expected COCO's") from None
            return layered(size, layers)

        yield Drawing(f"{path}: {name}", name, draw)


def _pixels(segmentation: Any, size: Size) -> np.ndarray:
    if isinstance(segmentation, list):
        if not segmentation:
            raise BesError("found an annotation without an outline, expected one or a mask")
        return fill(segmentation, size)
    check_size(segmentation["size"], size)
    if isinstance(segmentation["counts"], list):
        if min(segmentation["counts"]) < 0 or sum(segmentation["counts"]) != size[0] * size[1]:
            raise ValueError("a run-length code of another size")
        segmentation = rle.frPyObjects(segmentation, *size)
    return rle.decode(segmentation).astype(bool)
