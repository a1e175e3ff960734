"""The pictures of the gallery."""

import io

import numpy as np
import pytest
from PIL import Image

from bes.data.images import VOC_PALETTE
from bes.report.pictures import (
    LONGER_SIDE,
    heat_picture,
    labels_picture,
    photograph_picture,
    probability_picture,
)


def pixels(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content))).astype(int)


@pytest.mark.parametrize("size", [(375, 500), (3000, 20), (1, 4000), (1, 1)])
def test_the_longer_side_is_bounded_and_none_is_lost(size):
    height, width = pixels(photograph_picture(np.zeros((*size, 3), np.uint8))).shape[:2]
    assert min(height, width) >= 1 and max(height, width) == min(LONGER_SIDE, max(size))


def test_labels_keep_their_colours_and_the_background_is_clear():
    labels = np.zeros((10, 20), np.uint8)
    labels[:, 5:], labels[:, 15:] = 1, 255
    picture = pixels(labels_picture(labels, VOC_PALETTE))
    assert (picture[:, :5, 3] == 0).all()
    assert (picture[:, 5:15] == [128, 0, 0, 255]).all()
    assert (picture[:, 15:] == [*VOC_PALETTE[-3:], 255]).all()


def test_large_labels_are_not_mixed_at_their_edges():
    labels = (np.arange(1001)[None] % 7 < 3).repeat(700, 0).astype(np.uint8)
    picture = pixels(labels_picture(labels, VOC_PALETTE))
    assert set(map(tuple, picture.reshape(-1, 4))) == {(0, 0, 0, 0), (128, 0, 0, 255)}


def test_the_highest_score_counts_and_is_bright():
    maps = np.zeros((2, 40, 40), np.float32)
    maps[0, :, :20] = 1
    maps[1, :20] = 1
    brightness = pixels(heat_picture(maps)).sum(2)
    assert (
        brightness[30, 30] < 60 < 600 < min(brightness[5, 5], brightness[30, 5], brightness[5, 30])
    )


def test_a_photograph_without_classes_has_a_black_map():
    assert pixels(heat_picture(np.zeros((0, 12, 16), np.float32))).max() < 16


def test_probabilities_go_from_black_to_white():
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(64, 0)
    picture = pixels(probability_picture(ramp))[..., :3].mean((0, 2))
    assert picture[0] < 8 and picture[-1] > 247 and (np.diff(picture) > -1).all()


def test_equal_pictures_are_equal_bytes():
    photograph = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert photograph_picture(photograph) == photograph_picture(photograph.copy())
