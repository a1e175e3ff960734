"""A contact sheet: many photographs under their pseudo labels, small, in rows of ten."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bes.report.pictures import tinted

COLUMNS = 10
SIDE = 160
"""Longer side of a photograph on the sheet, pixels."""
_LINE = 14
_GAP = 8
PAPER = (24, 24, 27)
INK = (235, 235, 235)
"""Colours of the sheets and of what is written on them."""


class Tile(NamedTuple):
    """One photograph on the sheet."""

    picture: np.ndarray
    """(h,w,3) uint8 RGB, at most SIDE pixels either way."""
    caption: tuple[str, str, str]
    """Three lines; what is too long for the tile is cut."""


def draw_thumbnail(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A photograph, uint8 (H,W,3), tinted with its labels, uint8 (H,W).

    Returns uint8 RGB with a longer side of SIDE pixels. Objects are outlined in white.
    """
    height, width = photo.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(photo, size, interpolation=shrink)
    marks = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    return tinted(small, marks)


def draw_contact_sheet(tiles: Sequence[Tile]) -> Image.Image:
    """The tiles in reading order, each with its caption below it; an RGB picture."""
    font = caption_font(12)
    column, row = SIDE + _GAP, SIDE + 3 * _LINE + _GAP
    rows = max(1, -(-len(tiles) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * column + _GAP, rows * row + _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = _GAP + number % COLUMNS * column, _GAP + number // COLUMNS * row
        height, width = tile.picture.shape[:2]
        place = (left + (SIDE - width) // 2, top + SIDE - height)
        sheet.paste(Image.fromarray(tile.picture), place)
        for line, text in enumerate(tile.caption):
            where = (left + SIDE / 2, top + SIDE + (line + 0.6) * _LINE)
            draw.text(where, cut(text, font), INK, font, anchor="mm")
    return sheet


def caption_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, as Matplotlib has it: Pillow's own font lacks most letters beyond English."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)


def cut(text: str, font: ImageFont.FreeTypeFont, width: int = SIDE) -> str:
    """The text, or as much of its beginning and its end as there is room for, in pixels: names
    often differ at the end alone."""
    short, kept = text, len(text)
    while kept and font.getlength(short) > width:
        kept -= 1
        short = f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"
    return short


def encode_jpeg(picture: Image.Image) -> bytes:
    """A sheet as JPEG; equal sheets give equal bytes."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return content.getvalue()
