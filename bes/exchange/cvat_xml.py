"""What CVAT calls "CVAT for images 1.1": an XML with masks, polygons and boxes."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bes.errors import BesError
from bes.exchange.drawing import Drawing, Names, Size, check_size, index_of, layered
from bes.exchange.polygons import box, fill


def read_cvat(path: Path, root: ElementTree.Element, names: Names) -> Iterator[Drawing]:
    """Each `image` of the file."""
    for image in root.iter("image"):
        name = image.get("name", "")

        def draw(size: Size, image: ElementTree.Element = image) -> np.ndarray:
            check_size((_whole(image, "height"), _whole(image, "width")), size)
            shapes = [shape for shape in image if shape.tag != "tag"]
            shapes.sort(key=lambda shape: _whole(shape, "z_order") if shape.get("z_order") else 0)
            return layered(size, ((_index(s, names), _pixels(s, size)) for s in shapes))

        yield Drawing(f"{path}: {name}", name, draw)


def _index(shape: ElementTree.Element, names: Names) -> int:
    return index_of(shape.get("label"), names)


def _pixels(shape: ElementTree.Element, size: Size) -> np.ndarray:
    try:
        if shape.tag == "mask":
            return _run_lengths(shape, size)
        if shape.tag == "polygon":
            points = (shape.get("points") or "").replace(";", ",").split(",")
            return fill([[float(value) for value in points]], size)
        if shape.tag == "box":
            corners = (float(shape.get(name) or "") for name in ("xtl", "ytl", "xbr", "ybr"))
            return fill([box(*corners)], size)
    except ValueError as error:
        raise BesError(f"found a damaged {shape.tag} ({error}), expected one by CVAT") from None
    raise BesError(f"found a shape of kind {shape.tag!r}, expected a mask, polygon or box")


def _run_lengths(shape: ElementTree.Element, size: Size) -> np.ndarray:
    """Row by row within a box, the pixels outside first."""
    left, top, width, height = (_whole(shape, n) for n in ("left", "top", "width", "height"))
    counts = [int(count) for count in (shape.get("rle") or "").split(",")]
    if min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(f"{sum(counts)} pixels in a box of {width}x{height}")
    if min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        raise ValueError("a box outside of the photograph")
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = inside
    return mask


def _whole(element: ElementTree.Element, name: str) -> int:
    value = element.get(name)
    if value is None or not value.lstrip("-").isdecimal():
        raise BesError(f"found {name}={value!r}, expected a whole number")
    return int(value)
