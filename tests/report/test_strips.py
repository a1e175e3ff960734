"""The strip of one photograph."""

import numpy as np
import pytest

from bes.report.strips import PANEL, draw_strip, encode_jpeg


def strip(height: int, width: int, *, classes: int = 1, mask: bool = True):
    labels = np.zeros((height, width), np.uint8)
    return draw_strip(
        photo=np.full((height, width, 3), 200, np.uint8),
        cam=np.zeros((classes, height, width), np.float32),
        boundary_labels=labels,
        boundary_map=np.zeros((height, width), np.float32),
        revised=np.ones((classes, height, width), np.float32),
        pseudo_labels=labels,
        mask=labels if mask else None,
    )


@pytest.mark.parametrize("size", [(375, 500), (500, 375), (20, 30), (1, 400), (400, 1), (1, 1)])
def test_panels_fit_whatever_the_size_of_the_photograph(size):
    picture = strip(*size)
    assert picture.height <= PANEL + 40
    assert 7 * 80 < picture.width <= 7 * (PANEL + 10)


def test_without_a_mask_there_is_one_panel_less():
    assert strip(40, 60, mask=False).width < strip(40, 60).width


def test_a_photograph_without_classes_has_black_maps():
    pixels = np.array(strip(100, 100, classes=0))
    assert (pixels[60] == pixels[60, pixels.shape[1] * 3 // 14]).all(axis=1).sum() > PANEL


def test_high_scores_are_brighter_than_low_ones():
    pixels = np.array(strip(100, 100)).astype(int)
    cam, revised = (pixels[100, pixels.shape[1] * n // 14].sum() for n in (3, 9))
    assert revised > 2 * cam


def test_equal_strips_are_equal_bytes():
    assert encode_jpeg(strip(40, 60)) == encode_jpeg(strip(40, 60))
