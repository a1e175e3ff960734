"""Views of photographs: resized, normalised, mirrored and cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import normalised, resized

from bes.data.augmentation import FlipAndCrop, normalise, rescale, rescale_labels

SIDE = st.integers(1, 30)


@settings(max_examples=30, deadline=None)
@given(SIDE, SIDE, st.sampled_from([0.3, 0.5, 1.0, 1.7, 2.0]), st.integers(0, 99))
def test_photographs_are_resized_smoothly_and_labels_to_the_nearest(
    height: int, width: int, factor: float, seed: int
) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found, labels = rescale(photo, factor), rescale_labels(photo[..., 0].copy(), factor)
    size = [max(round(length * factor), 1) for length in (height, width)]
    assert found.shape == (*size, 3) and labels.shape == tuple(size)
    if min(height, width) * factor >= 1:
        np.testing.assert_array_equal(found, resized(photo, factor))
    # Where a centre lies between two pixels, either is the nearest.
    near = [
        [((np.arange(n) + 0.5) * length / n + slack).astype(int) for slack in (-1e-6, 1e-6)]
        for n, length in zip(size, (height, width), strict=True)
    ]
    chosen = [photo[..., 0][np.ix_(*pair)] for pair in itertools.product(*near)]
    assert np.any([labels == one for one in chosen], axis=0).all()


def test_pixels_are_normalised_channel_by_channel() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_allclose(normalise(photo), normalised(photo), atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(SIDE, SIDE, SIDE, st.integers(0, 999))
def test_a_crop_is_a_window_of_the_padded_photograph_or_its_mirror_image(
    height: int, width: int, crop: int, seed: int
) -> None:
    pixels = np.arange(1, height * width + 1).reshape(height, width)
    drawn = FlipAndCrop.draw((height, width), crop, np.random.default_rng(seed))
    found = drawn.apply(pixels, 0)
    shown = pixels[:, ::-1] if drawn.mirror else pixels
    around = np.pad(shown, crop)
    windows = np.lib.stride_tricks.sliding_window_view(around, (crop, crop))
    assert (windows == found).all((2, 3)).any()
    assert (found > 0).sum() == min(height, crop) * min(width, crop)
    again = drawn.apply(np.stack([pixels, -pixels]), 0)
    np.testing.assert_array_equal(again, [found, -found])


@pytest.mark.parametrize("size", [(5, 7), (9, 30), (40, 8), (33, 41)])
def test_a_photograph_may_be_cut_before_it_is_normalised(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (*size, 3), np.uint8)
    for _ in range(8):
        crop = FlipAndCrop.draw(size, 16, rng)
        found = crop.apply_to_photo(photo)
        np.testing.assert_array_equal(found, crop.apply(normalise(photo), 0))
        assert found.dtype == np.float32
