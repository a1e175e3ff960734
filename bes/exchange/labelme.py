"""A JSON of labelme, which has the shapes of one photograph."""

import base64
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from bes.errors import BesError
from bes.exchange.drawing import Drawing, Names, Size, check_size, index_of, layered

KINDS = "mask, polygon, rectangle or circle"


def read_labelme(path: Path, content: dict[str, Any], names: Names) -> Iterator[Drawing]:
    """The one drawing of the file."""

    def draw(size: Size) -> np.ndarray:
        check_size((content.get("imageHeight"), content.get("imageWidth")), size)
        try:
            layers = [(index_of(s["label"], names), _pixels(s, size)) for s in content["shapes"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BesError(f"found a damaged shape ({error}), expected one by labelme") from None
        return layered(size, layers)

    yield Drawing(str(path), str(content.get("imagePath") or path.name), draw)


def _pixels(shape: dict[str, Any], size: Size) -> np.ndarray:
    """As labelme draws it: the outline belongs to the shape."""
    kind = shape.get("shape_type") or "polygon"
    points = [(float(x), float(y)) for x, y in shape["points"]]
    if kind == "mask":
        return _mask(shape["mask"], points, size)
    picture = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(picture)
    if kind == "polygon" and len(points) > 2:
        draw.polygon(points, outline=1, fill=1)
    elif kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        draw.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), outline=1, fill=1)
    elif kind == "circle" and len(points) == 2:
        (x, y), radius = points[0], math.dist(*points)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    else:
        raise BesError(f"found a {kind} of {len(points)} points, expected a {KINDS}")
    return np.array(picture)


def _mask(encoded: str, points: list[tuple[float, float]], size: Size) -> np.ndarray:
    """A PNG of the pixels within a box, whose corners both belong to it."""
    (left, top), (right, bottom) = ((int(x), int(y)) for x, y in points)
    crop = _decode(base64.b64decode(encoded))
    mask = np.zeros(size, bool)
    place = mask[max(top, 0) : bottom + 1, max(left, 0) : right + 1]
    if place.shape != crop.shape or min(left, top) < 0:
        raise BesError(
            f"found a mask of {crop.shape[1]}x{crop.shape[0]} pixels from {left}, {top} to "
            f"{right}, {bottom}, expected one that fits there in {size[1]}x{size[0]} pixels"
        )
    place[:] = crop
    return mask


def _decode(content: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            return np.array(picture).astype(bool)
    # Damage surfaces as whatever the decoder stumbles over.
    except Exception as error:
        raise ValueError(str(error)) from None
