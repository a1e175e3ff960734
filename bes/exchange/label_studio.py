"""Tasks of Label Studio: its export "JSON"."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from bes.errors import BesError
from bes.exchange.drawing import Drawing, Names, Size, check_size, index_of, layered
from bes.exchange.polygons import box, fill
from bes.export.brush_code import decode_brush

PIXELS = {"brushlabels", "polygonlabels", "rectanglelabels"}
OTHERS = {"keypointlabels", "ellipselabels", "brush", "polygon", "rectangle", "ellipse", "keypoint"}
"""Kinds of region that cannot be read; results of yet others, such as choices, are no regions."""
PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""


def read_label_studio(path: Path, tasks: list[Any], names: Names) -> Iterator[Drawing]:
    """Each task with an annotation that was not skipped, of several the last one that was changed;
    without any the prediction, as nobody changed it."""
    for number, task in enumerate(tasks, 1):
        source = f"{path}: task {number}"
        try:
            image, result = _image_of(task["data"]), _result_of(task)
        except (KeyError, TypeError, AttributeError, IndexError):
            raise BesError(
                f"{source}: found no task, expected one of Label Studio's export 'JSON'"
            ) from None
        if result is None:
            continue

        def draw(size: Size, result: list[Any] = result) -> np.ndarray:
            return _draw(result, size, names)

        yield Drawing(f"{source} ({image})", image, draw)


def _image_of(data: dict[str, Any]) -> str:
    if isinstance(data.get("photograph"), str):
        return data["photograph"]
    address = unquote(str(data["image"]).partition("?d=")[2] or str(data["image"]))
    name = address.rsplit("/", 1)[-1]
    return PREFIX.sub("", name) if "/upload/" in address else name


def _result_of(task: dict[str, Any]) -> list[Any] | None:
    """The regions that count; None where a person skipped the task."""
    if annotations := task.get("annotations"):
        done = [one for one in annotations if not one.get("was_cancelled")]
        done.sort(key=lambda one: str(one.get("updated_at", "")))
        return done[-1]["result"] if done else None
    predictions = task.get("predictions")
    return predictions[-1]["result"] if predictions else None


def _draw(result: list[Any], size: Size, names: Names) -> np.ndarray:
    layers = []
    for region in result:
        try:
            kind = region["type"]
            if kind in OTHERS:
                raise BesError(
                    f"found a region of kind {kind!r}, expected brush, polygon or rectangle labels"
                )
            if kind not in PIXELS:
                continue
            check_size((region["original_height"], region["original_width"]), size)
            value = region["value"]
            if len(value[kind]) != 1:
                raise BesError(f"found the classes {value[kind]!r}, expected one for each region")
            layers.append((index_of(value[kind][0], names), _pixels(kind, value, size)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BesError(
                f"found a damaged region ({error}), expected one by Label Studio"
            ) from None
    return layered(size, layers)


def _pixels(kind: str, value: dict[str, Any], size: Size) -> np.ndarray:
    if kind == "brushlabels":
        return decode_brush(value["rle"], size)
    scale = np.array([size[1], size[0]]) / 100  # places are shares of the picture in percent
    if kind == "polygonlabels":
        return fill([(np.array(value["points"], float) * scale).ravel().tolist()], size)
    if value.get("rotation"):
        raise BesError("found a rotated rectangle, expected an upright one or a polygon")
    corner = np.array([value["x"], value["y"]], float)
    opposite = corner + np.array([value["width"], value["height"]], float)
    return fill([box(*(corner * scale), *(opposite * scale))], size)
