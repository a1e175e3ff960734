"""Strokes: what a person drew on a photograph, as JSON and as pixels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bes.data.manifest import BACKGROUND, VOID
from bes.errors import BesError
from bes.method.scribbles import FREE

TOOLS = ("scribble", "brush", "polygon")
"""A scribble spreads; what the brush and the polygon cover is painted as it is."""
MOST_STROKES = 10_000
MOST_POINTS = 200_000


@dataclass(frozen=True)
class Stroke:
    """A line, or the outline of a polygon; in pixels of the photograph at full size."""

    tool: str
    label: str | None
    """The name of a class, `background`, or None for pixels that are not counted."""
    width: float
    """Of the line; of no meaning for a polygon."""
    points: tuple[tuple[float, float], ...]
    """(x, y), from the upper left corner."""


def as_json(strokes: Sequence[Stroke]) -> list[dict[str, Any]]:
    """The strokes as a value that JSON can write."""
    return [asdict(stroke) for stroke in strokes]


def strokes_from(value: Any, labels: Sequence[str]) -> tuple[Stroke, ...]:
    """The strokes of `as_json`.

    Raises BesError for a value that is none, and for a label that is neither one of `labels`,
    the background nor void.
    """
    if not isinstance(value, list) or len(value) > MOST_STROKES:
        raise BesError(f"strokes: expected a list of at most {MOST_STROKES}")
    strokes = tuple(_stroke(number, one) for number, one in enumerate(value, 1))
    if sum(len(stroke.points) for stroke in strokes) > MOST_POINTS:
        raise BesError(f"strokes: found more than {MOST_POINTS} points, expected fewer")
    known = {BACKGROUND, None, *labels}
    for number, stroke in enumerate(strokes, 1):
        if stroke.label not in known:
            raise BesError(
                f"stroke {number}: found the class {stroke.label!r}, expected one that the label "
                f"table names for the photograph: {', '.join([BACKGROUND, *labels])}"
            )
        if stroke.label is None and stroke.tool == "scribble":
            raise BesError(
                f"stroke {number}: found a scribble of pixels that are not counted, expected a "
                "brush or a polygon"
            )
    return strokes


def _stroke(number: int, value: Any) -> Stroke:
    try:
        points = np.array(value["points"], np.float64)
        stroke = Stroke(
            tool=value["tool"],
            label=value["label"],
            width=float(value["width"]),
            points=tuple((float(x), float(y)) for x, y in points.round(1)),
        )
        if stroke.tool not in TOOLS:
            raise ValueError(f"the tool {stroke.tool!r}")
        if not 0 < stroke.width <= 10_000:
            raise ValueError(f"the width {stroke.width}")
        if not isinstance(stroke.label, str | None):
            raise ValueError(f"the label {stroke.label!r}")
        if not stroke.points or not np.isfinite(points).all() or abs(points).max() > 1e6:
            raise ValueError("points that are none")
    except (KeyError, TypeError, ValueError) as error:
        raise BesError(
            f"stroke {number}: found {error}, expected tool, label, width and points"
        ) from None
    return stroke


def draw(
    strokes: Sequence[Stroke],
    classes: Sequence[str],
    *,
    size: tuple[int, int],
    full: tuple[int, int],
) -> np.ndarray:
    """The strokes as pixels, later ones over earlier ones.

    Args:
        strokes: in pixels of the full size.
        classes: the names of all classes in index order.
        size: height and width of the result.
        full: height and width of the photograph.

    Returns:
        (H, W) int16: the label index of the stroke, 255 for void, or `FREE`.
    """
    import cv2

    index = {BACKGROUND: 0, None: VOID} | {name: i for i, name in enumerate(classes, 1)}
    pixels = np.full(size, FREE, np.int16)
    scale = np.array([size[1] / full[1], size[0] / full[0]])
    for stroke in strokes:
        value = index[stroke.label]
        # A point in the middle of a pixel has its index; OpenCV counts sixteenths of a pixel.
        points = np.rint((np.array(stroke.points) * scale - 0.5) * 16).astype(np.int32)
        if stroke.tool == "polygon":
            cv2.fillPoly(pixels, [points], value, shift=4)
            continue
        width = max(round(stroke.width * scale.mean()), 1)
        if len(points) == 1:
            points = np.repeat(points, 2, axis=0)
        cv2.polylines(pixels, [points], False, value, width, shift=4)
    return pixels
