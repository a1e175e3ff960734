"""A disc, a pseudo label that lacks half of it, and strokes on it."""

from pathlib import Path
from typing import Any

import numpy as np

SIZE = (96, 128)
CENTRE, RADIUS = (48, 64), 30
NAMES = ("a moon", "b", "c #é", "d")
RESULTS = Path("results/p/base")


def disc(size: tuple[int, int] = SIZE, *, scale: int = 1) -> np.ndarray:
    """Whether a pixel, at 1/scale, is of the disc."""
    y, x = np.mgrid[: size[0] // scale, : size[1] // scale] * scale
    return (y - CENTRE[0]) ** 2 + (x - CENTRE[1]) ** 2 < RADIUS**2


def left_half(labels: np.ndarray) -> np.ndarray:
    """The labels without what is right of the middle."""
    return np.where(np.arange(labels.shape[1]) < labels.shape[1] // 2, labels, 0)


def stroke(*points: tuple[float, float], label: str | None = "moon", **more: Any) -> dict[str, Any]:
    """A stroke as the page sends it."""
    return {"tool": "scribble", "label": label, "width": 4, "points": points} | more


MOON = stroke((70, 48), (85, 48))
"""On the half that is missing."""
