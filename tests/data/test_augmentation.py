"""Views of photographs: resized, normalised, mirrored and cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import normalised, resized, smooth

from bes.data.augmentation import ResizedCrop, normalise, rescale

SIDE = st.integers(1, 30)


FACTOR = st.sampled_from([0.3, 0.5, 1.0, 1.7, 2.0])


@settings(max_examples=30, deadline=None)
@given(SIDE, SIDE, FACTOR, st.integers(0, 99))
def test_photographs_are_resized_smoothly(
    height: int, width: int, factor: float, seed: int
) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = rescale(photo, factor)
    assert found.shape == (*scaled((height, width), factor), 3)
    if min(height, width) * factor >= 1:
        np.testing.assert_array_equal(found, resized(photo, factor))


def scaled(size: tuple[int, int], factor: float) -> list[int]:
    return [max(round(length * factor), 1) for length in size]


def test_pixels_are_normalised_channel_by_channel() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_allclose(normalise(photo), normalised(photo), atol=1e-5)


def padded(drawn: ResizedCrop, whole: np.ndarray, crop: int) -> np.ndarray:
    """The plain way: mirrored, put between zeros, cut."""
    shown = whole[:, ::-1] if drawn.mirror else whole
    around = np.pad(shown, [(crop, crop)] * 2 + [(0, 0)] * (whole.ndim - 2))
    rows, columns = (
        crop + seen.start - placed.start
        for seen, placed in zip(drawn.source, drawn.target, strict=True)
    )
    return around[rows : rows + crop, columns : columns + crop]


@settings(max_examples=100, deadline=None)
@given(SIDE, SIDE, FACTOR, SIDE, st.integers(0, 999))
def test_a_crop_has_the_labels_that_are_nearest(
    height: int, width: int, factor: float, crop: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(1, 255, (height, width)).astype(np.uint8)
    drawn = ResizedCrop.draw(labels.shape, factor, crop, np.random.default_rng(seed))
    found = drawn.apply(labels, 0)
    size = scaled((height, width), factor)
    assert (found > 0).sum() == min(size[0], crop) * min(size[1], crop)
    # Where a centre lies between two pixels, either is the nearest.
    near = [
        [((np.arange(n) + 0.5) * length / n + slack).astype(int) for slack in (-1e-4, 1e-4)]
        for n, length in zip(size, (height, width), strict=True)
    ]
    wholes = [labels[np.ix_(*pair)] for pair in itertools.product(*near)]
    assert np.any([found == padded(drawn, one, crop) for one in wholes], axis=0).all()


@pytest.mark.parametrize("size", [(5, 7), (9, 30), (40, 8), (33, 41), (80, 60)])
@pytest.mark.parametrize("factor", [0.5, 0.77, 1.0, 1.31])
def test_a_photograph_may_be_cut_before_it_is_resized_and_normalised(
    size: tuple[int, int], factor: float
) -> None:
    rng = np.random.default_rng(1)
    # Off the ends of the range, where the order of rows and columns would matter.
    photo = (64 + smooth(rng, *size) // 2).astype(np.uint8)
    whole = normalised(rescale(photo, factor)).numpy().transpose(1, 2, 0)
    for _ in range(8):
        crop = ResizedCrop.draw(size, factor, 16, rng)
        found = crop.apply_to_photo(photo)
        assert found.dtype == np.float32 and found.shape == (3, 16, 16)
        expected = padded(crop, whole, 16).transpose(2, 0, 1)
        # 0.0175 to 0.0196 is one of the 255 levels.
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_half_of_the_crops_are_mirrored_and_all_places_are_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = [ResizedCrop.draw((8, 5), 0.5, 3, rng) for _ in range(400)]
    assert 170 < sum(crop.mirror for crop in drawn) < 230
    assert {crop.source[0].start for crop in drawn} == {0, 1}
    assert {crop.target[1].start for crop in drawn} == {0, 1}
