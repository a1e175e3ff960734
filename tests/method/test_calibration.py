"""Scores that fall into two parts at 1/2."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain import bilinear

from bes.method.calibration import split_at_half


def otsu(values: np.ndarray) -> int:
    """The level of 0 to 255 above which the second part lies: the least variance within the two."""
    levels = np.rint(values * 255).astype(int).ravel()
    within = {}
    for level in range(255):
        low, high = levels[levels <= level], levels[levels > level]
        if len(low) and len(high):
            within[level] = len(low) * low.var() + len(high) * high.var()
    return min(within, key=lambda level: (round(within[level], 6), level))


def scores_of(seed: int) -> np.ndarray:
    maps = bilinear(np.random.default_rng(seed).random((2, 4, 5)) ** 2, (24, 30))
    return (maps / maps.max()).astype(np.float32)


@given(st.integers(0, 10_000))
def test_what_is_above_a_half_is_the_upper_part_of_otsu(seed: int) -> None:
    scores = scores_of(seed)
    found = split_at_half(scores)
    above = np.rint(scores.max(0) * 255) > otsu(scores.max(0))
    assert np.array_equal(found.max(0) > 0.5, above)


@given(st.integers(0, 10_000))
def test_the_order_of_scores_and_classes_stays(seed: int) -> None:
    scores = scores_of(seed)
    found = split_at_half(scores)
    assert np.array_equal(found.argmax(0), scores.argmax(0)) and found.dtype == scores.dtype
    order = np.argsort(scores, axis=None)
    assert (np.diff(found.ravel()[order]) >= 0).all()
    assert found.max() == 1 and found.min() >= 0


def test_equal_photographs_of_another_level_are_split_at_the_same_place() -> None:
    scores = scores_of(3)
    hazy = 0.3 + 0.7 * scores
    differ = (split_at_half(scores).max(0) > 0.5) != (split_at_half(hazy).max(0) > 0.5)
    assert differ.mean() < 0.01
    assert ((hazy.max(0) > 0.5) != (scores.max(0) > 0.5)).mean() > 0.1


@pytest.mark.parametrize("scores", [np.zeros((0, 3, 4)), np.zeros((2, 3, 4)), np.ones((1, 3, 4))])
def test_scores_that_do_not_differ_stay(scores: np.ndarray) -> None:
    assert np.array_equal(split_at_half(scores), scores)
