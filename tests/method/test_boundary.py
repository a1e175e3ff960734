"""Boundary precision and recall."""

import math

import cv2
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from bes.errors import BesError
from bes.metrics.boundary import (
    BoundaryScores,
    boundaries_of,
    boundary_scores,
    match_boundaries,
    thin,
)


def line_at(column: int, shape: tuple[int, int] = (30, 40)) -> np.ndarray:
    line = np.zeros(shape, bool)
    line[:, column] = True
    return line


def pixels(distance: float, shape: tuple[int, int] = (30, 40)) -> float:
    """The tolerance that allows a distance in pixels."""
    return distance / math.hypot(*shape)


def scores_of(probability, truth, *, thresholds=99, tolerance=0.0075) -> BoundaryScores:
    """Within one tolerance."""
    (scores,) = boundary_scores(probability, truth, thresholds=thresholds, tolerances=(tolerance,))
    return scores


@pytest.mark.parametrize("distance", [1, 2, 3, 5, 7])
def test_the_tolerance_itself_still_matches(distance):
    line, other = line_at(10), line_at(10 + distance)
    assert match_boundaries(line, other, tolerance=pixels(distance)) == (30, 30, 30)
    assert match_boundaries(line, other, tolerance=pixels(distance) - 1e-6).matched == 0


def test_it_does_so_where_its_share_of_the_diagonal_is_rounded_down():
    predicted, truth = np.zeros((2, 5, 10), bool)
    predicted[0, 0] = truth[0, 3] = True
    diagonal = math.hypot(5, 10)
    assert 3 / diagonal * diagonal < 3
    assert match_boundaries(predicted, truth, tolerance=3 / diagonal) == (1, 1, 1)


def test_a_pixel_is_matched_once():
    doubled = line_at(10) | line_at(11)
    assert match_boundaries(doubled, line_at(10), tolerance=pixels(4)) == (30, 60, 30)


def test_the_matching_is_the_largest_there_is(rng):
    for _ in range(20):
        predicted, truth = rng.random((2, 14, 15)) < 0.15
        there, here = np.argwhere(truth), np.argwhere(predicted)
        near = np.hypot(*(here[:, None] - there).transpose(2, 0, 1)) <= 3
        matched = near[linear_sum_assignment(near, maximize=True)].sum()
        found = match_boundaries(predicted, truth, tolerance=pixels(3, (14, 15)))
        assert found == (matched, len(here), len(there))


def test_predicted_and_true_are_interchangeable(rng):
    predicted, truth = rng.random((2, 25, 20)) < 0.2
    forth = match_boundaries(predicted, truth, tolerance=0.06)
    back = match_boundaries(truth, predicted, tolerance=0.06)
    assert back == (forth.matched, forth.truth, forth.predicted)


def test_more_tolerance_never_matches_less(rng):
    predicted, truth = rng.random((2, 25, 20)) < 0.1
    matched = [
        match_boundaries(predicted, truth, tolerance=t).matched for t in (0, 0.02, 0.04, 0.08, 0.3)
    ]
    assert matched == sorted(matched)
    assert matched[0] == (predicted & truth).sum()


def test_nothing_matches_nothing():
    empty = np.zeros((30, 40), bool)
    assert match_boundaries(empty, line_at(3), tolerance=0.1) == (0, 0, 30)
    assert match_boundaries(line_at(3), empty, tolerance=0.1) == (0, 30, 0)


def test_sizes_that_differ_are_refused():
    with pytest.raises(BesError, match=r"\(30, 40\).*\(30, 41\)"):
        match_boundaries(line_at(3), line_at(3, (30, 41)), tolerance=0.1)


def test_a_blurred_boundary_scores_one_once_thinned():
    truth = line_at(20)
    probability = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 2)
    scores = scores_of(probability / probability.max(), truth, tolerance=pixels(2))
    assert scores.f.max() > 0.95


def test_a_boundary_elsewhere_scores_zero():
    scores = scores_of(line_at(3).astype(float), line_at(30))
    assert scores.f.max() == 0
    assert (scores.precision == 0).all() and (scores.recall == 0).all()


def test_each_threshold_scores_as_it_does_alone(rng):
    probability = cv2.GaussianBlur(rng.random((40, 50)), (0, 0), 2)
    probability = (probability - probability.min()) / np.ptp(probability)
    truth = thin(rng.random((40, 50)) < 0.1)
    scores = scores_of(probability, truth, thresholds=9, tolerance=0.03)
    np.testing.assert_allclose(scores.thresholds, np.arange(1, 10) / 10)
    for i, threshold in enumerate(scores.thresholds):
        alone = match_boundaries(thin(probability >= threshold), truth, tolerance=0.03)
        assert (scores.matched[i], scores.predicted[i], scores.truth[i]) == alone


def test_scores_of_several_photographs_are_those_of_all_their_pixels(rng):
    here, there = (
        scores_of(rng.random((20, 30)), thin(rng.random((20, 30)) < 0.1), thresholds=4)
        for _ in range(2)
    )
    both = here + there
    np.testing.assert_array_equal(
        both.precision, (here.matched + there.matched) / (here.predicted + there.predicted)
    )
    np.testing.assert_array_equal(
        both.recall, (here.matched + there.matched) / (here.truth + there.truth)
    )
    np.testing.assert_array_equal(both.thresholds, here.thresholds)


def test_two_tolerances_at_once_score_as_each_does_alone(rng):
    probability, truth = rng.random((20, 30)), thin(rng.random((20, 30)) < 0.1)
    both = boundary_scores(probability, truth, thresholds=4, tolerances=(0.03, 0.1))
    for scores, tolerance in zip(both, (0.03, 0.1), strict=True):
        alone = scores_of(probability, truth, thresholds=4, tolerance=tolerance)
        np.testing.assert_array_equal(scores.matched, alone.matched)
        np.testing.assert_array_equal(scores.predicted, alone.predicted)


def test_an_empty_map_scores_zero_and_not_nan():
    scores = scores_of(np.zeros((30, 40)), np.zeros((30, 40), bool))
    assert scores.f.max() == 0
    assert np.isfinite(scores.precision).all() and np.isfinite(scores.recall).all()


def test_scores_of_two_images_add_their_pixels():
    hit = scores_of(line_at(3).astype(float), line_at(3), thresholds=3)
    miss = scores_of(line_at(3).astype(float), line_at(30), thresholds=3)
    np.testing.assert_allclose((hit + miss).precision, 0.5)
    np.testing.assert_allclose((hit + miss).recall, 0.5)


def test_two_halves_have_one_line_between_them():
    mask = np.zeros((10, 12), np.uint8)
    mask[:, 6:] = 3
    assert (boundaries_of(mask) == line_at(5, (10, 12))).all()


def test_which_labels_meet_does_not_matter():
    mask = np.arange(4, dtype=np.uint8).reshape(2, 2).repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_array_equal(boundaries_of(mask), boundaries_of(mask * 7 + 1))


def test_a_void_rim_has_the_boundary_along_its_middle():
    mask = np.zeros((10, 15), np.uint8)
    mask[:, 5:10] = 255
    mask[:, 10:] = 3
    assert np.unique(np.nonzero(boundaries_of(mask))[1]).tolist() in ([6], [7])


def test_void_within_a_label_has_no_boundary():
    mask = np.zeros((10, 15), np.uint8)
    mask[3:6, 4:9] = 255
    assert not boundaries_of(mask).any()
    assert not boundaries_of(np.full((10, 15), 255, np.uint8)).any()


def test_a_bar_thins_to_a_line():
    bar = np.zeros((20, 40), bool)
    bar[8:13, 5:35] = True
    thinned = thin(bar)
    assert (thinned.sum(axis=0) <= 1).all()
    assert thinned[10].sum() > 20


def test_thinning_keeps_the_regions_and_holes(rng):
    mask = cv2.GaussianBlur(rng.random((80, 90)), (0, 0), 3) > 0.5
    thinned = thin(mask)

    def components(image: np.ndarray, connectivity: int) -> int:
        return cv2.connectedComponents(image.astype(np.uint8), connectivity=connectivity)[0]

    assert not (thinned & ~mask).any()
    assert components(thinned, 8) == components(mask, 8)
    assert components(~np.pad(thinned, 1), 4) == components(~np.pad(mask, 1), 4)


def peeled(mask: np.ndarray) -> np.ndarray:
    """Guo and Hall's algorithm A1 as printed, pixel by pixel."""
    image, turn, unchanged = np.pad(mask, 1), 0, 0
    while unchanged < 2:
        gone = np.zeros_like(image)
        for y, x in np.argwhere(image):
            n, s, w, e = image[y - 1, x], image[y + 1, x], image[y, x - 1], image[y, x + 1]
            nw, ne = image[y - 1, x - 1], image[y - 1, x + 1]
            sw, se = image[y + 1, x - 1], image[y + 1, x + 1]
            # Counterclockwise from east: the paper's x1 to x8.
            pairs = ((e, ne, n), (n, nw, w), (w, sw, s), (s, se, e))
            crossings = sum(not side and (corner or after) for side, corner, after in pairs)
            one = sum(a or b for a, b in ((e, ne), (n, nw), (w, sw), (s, se)))
            two = sum(a or b for a, b in ((ne, n), (nw, w), (sw, s), (se, e)))
            # From one side in one turn, from the opposite one in the next.
            kept = (sw or s or not nw) and w if turn % 2 else (ne or n or not se) and e
            gone[y, x] = crossings == 1 and 2 <= min(one, two) <= 3 and not kept
        unchanged = 0 if gone.any() else unchanged + 1
        image, turn = image & ~gone, turn + 1
    return image[1:-1, 1:-1]


def test_thinning_is_that_of_guo_and_hall(rng):
    for share in (0.3, 0.5, 0.7, 0.9):
        for _ in range(15):
            mask = rng.random((9, 11)) < share
            np.testing.assert_array_equal(thin(mask), peeled(mask))


def test_a_thinned_boundary_is_as_thin_as_it_gets(rng):
    thinned = thin(cv2.GaussianBlur(rng.random((80, 90)), (0, 0), 3) > 0.5)
    np.testing.assert_array_equal(thin(thinned), thinned)


def test_a_probability_that_is_the_threshold_itself_is_a_boundary():
    """Thresholds of a quarter, a half and three quarters, which are exact."""
    scores = scores_of(line_at(10) * 0.5, line_at(10), thresholds=3)
    assert scores.thresholds.tolist() == [0.25, 0.5, 0.75]
    assert scores.predicted.tolist() == [30, 30, 0]
