"""The contact sheet of the least trusted labels."""

import numpy as np
import pytest

from bes.report.contact_sheet import (
    COLUMNS,
    SIDE,
    Tile,
    caption_font,
    cut,
    draw_contact_sheet,
    draw_thumbnail,
)


def tile(*, caption: str = "name") -> Tile:
    return Tile(np.full((SIDE, SIDE, 3), 200, np.uint8), ("1.  0.50", caption, "reason"))


@pytest.mark.parametrize("size", [(375, 500), (500, 375), (20, 30), (1, 400), (400, 1), (1, 1)])
def test_a_thumbnail_fits_its_tile_whatever_the_size_of_the_photograph(size):
    picture = draw_thumbnail(np.zeros((*size, 3), np.uint8), np.ones(size, np.uint8))
    assert max(picture.shape[:2]) == SIDE and min(picture.shape[:2]) >= 1


def test_background_keeps_its_colours_and_an_object_is_tinted_and_outlined():
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[40:120, 40:120] = 1
    picture = draw_thumbnail(np.full((SIDE, SIDE, 3), 100, np.uint8), labels)
    assert (picture[10, 10] == 100).all()
    # Half grey, half the orange of the first class.
    assert picture[80, 80].tolist() == [165, 130, 50]
    assert (picture[40, 80] == 255).all() and (picture == 255).all(axis=2).sum() < 4 * 90


def test_ten_tiles_stand_in_a_row():
    ten, eleven = (draw_contact_sheet([tile()] * count) for count in (COLUMNS, COLUMNS + 1))
    assert ten.width == eleven.width
    assert ten.height < eleven.height < 2.1 * ten.height


@pytest.mark.parametrize("length", [1, 20, 27, 28, 29, 200])
def test_of_a_long_name_both_ends_are_left(length):
    font, name = caption_font(12), f"a {'o' * length} 17"
    short = cut(name, font)
    assert font.getlength(short) <= SIDE
    assert short == name or (short.startswith("a o") and short.endswith("o 17"))
    assert (short == name) == (font.getlength(name) <= SIDE)


def test_a_long_name_does_not_reach_into_the_next_tile():
    row = [tile(), tile(caption=""), tile()]
    long = [tile(caption="a name that goes on and on " * 9), tile(caption=""), tile()]
    left = 2 * SIDE
    one, other = (np.array(draw_contact_sheet(tiles))[:, SIDE + 8 : left] for tiles in (row, long))
    assert (one == other).all()
