"""A sheet of the photographs whose labels differ most between two experiments, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from bes.report.contact_sheet import INK, PAPER, SIDE, caption_font, cut

COLUMNS = 2
"""Photographs beside one another, of three pictures each."""
_GAP, _SPACE, _LINE = 6, 18, 16


class Difference(NamedTuple):
    """One photograph, alone and under the labels of either experiment."""

    image: str
    share: float
    """Of its pixels, how many have another label."""
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    """(h,w,3) uint8 RGB, at most SIDE pixels either way."""


def draw_differences(found: Sequence[Difference], experiments: tuple[str, str]) -> Image.Image:
    """In reading order, with the names of the experiments above the columns; an RGB picture."""
    font = caption_font(12)
    column, row = 3 * (SIDE + _GAP) + _SPACE, SIDE + _LINE + _SPACE
    rows = -(-len(found) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * column, 2 * _LINE + rows * row), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, one in enumerate(found):
        left, top = number % COLUMNS * column + _GAP, 2 * _LINE + number // COLUMNS * row
        for place, pixels in enumerate(one.pictures):
            height, width = pixels.shape[:2]
            x = left + place * (SIDE + _GAP) + (SIDE - width) // 2
            sheet.paste(Image.fromarray(pixels), (x, top + (SIDE - height) // 2))
            if number < COLUMNS:
                name = ("photograph", *experiments)[place]
                middle = left + place * (SIDE + _GAP) + SIDE / 2
                draw.text((middle, _LINE), cut(name, font), INK, font, anchor="mm")
        caption = f"{one.image}: {100 * one.share:.1f} % of the pixels"
        draw.text((left, top + SIDE + _LINE / 2), cut(caption, font, 3 * SIDE), INK, font, "lm")
    return sheet
