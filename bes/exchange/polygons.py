"""Outlines as pixels, by the rule of pycocotools."""

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as rle

from bes.errors import BesError
from bes.exchange.drawing import Size


def fill(rings: Sequence[Sequence[float]], size: Size) -> np.ndarray:
    """The pixels of outlines x, y, x, y..., together, bool (H, W).

    Raises BesError for an outline of less than three points.
    """
    for ring in rings:
        if len(ring) < 6 or len(ring) % 2 or not np.isfinite(ring).all():
            raise BesError(
                f"found an outline of {len(ring)} numbers, expected three points or more"
            )
    # pycocotools takes a list of four numbers for a box.
    codes = rle.frPyObjects([list(map(float, ring)) for ring in rings], *size)
    return rle.decode(rle.merge(codes)).astype(bool)


def box(left: float, top: float, right: float, bottom: float) -> list[float]:
    """The outline of a box."""
    return [left, top, right, top, right, bottom, left, bottom]
