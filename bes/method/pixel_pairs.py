"""Pairs of nearby pixels, by direction, and the line of pixels between the two (Eq. 5)."""

from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor


class Direction(NamedTuple):
    """The pairs whose second pixel lies dy rows below and dx columns beside the first.

    Of two opposite directions one stands for both: dy >= 0, and dx > 0 where dy is 0.
    """

    dy: int
    dx: int

    def line(self) -> list[tuple[int, int]]:
        """The thick line between the two pixels, counted from the first, as published: all pixels
        of the rectangle the two span that are less than one pixel from the straight line. Its ends
        belong to it."""
        dy, dx = self
        return [
            (y, x)
            for y in range(dy + 1)
            for x in range(min(dx, 0), max(dx, 0) + 1)
            if (dy * x - dx * y) ** 2 < dy**2 + dx**2
        ]

    def pixels(self, maps: Tensor, y: int = 0, x: int = 0) -> Tensor:
        """(..., H, W) -> view (..., H - dy, W - |dx|): of every pair inside the image, the pixel
        (y, x) away from its first one."""
        rows, columns = maps.shape[-2] - self.dy, maps.shape[-1] - abs(self.dx)
        left = max(0, -self.dx) + x
        return maps[..., y : y + rows, left : left + columns]

    def largest_between(self, maps: Tensor) -> Tensor:
        """(..., H, W) -> (..., H - dy, W - |dx|): of every pair, the largest value on its line."""
        return reduce(torch.maximum, (self.pixels(maps, y, x) for y, x in self.line()))


def directions(height: int, width: int, *, radius: int) -> Iterator[Direction]:
    """The directions of all pairs of pixels in an image that are closer than the radius."""
    for dy in range(min(radius, height)):
        for dx in range(-radius + 1 if dy else 1, radius):
            if dy**2 + dx**2 < radius**2 and abs(dx) < width:
                yield Direction(dy, dx)
