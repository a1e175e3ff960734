"""The mean of scores and a foreground prior, and the vote of segments."""

import numpy as np
import pytest

from bes.method.foreground_prior import with_priors
from bes.method.hard_labels import hard_labels
from bes.method.region_vote import mean_of_regions


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def labels_of(scores: np.ndarray, prior: np.ndarray, threshold: float) -> np.ndarray:
    return hard_labels(*with_priors(scores, [prior], threshold))


def test_a_pixel_has_the_best_class_where_score_and_prior_outweigh_their_thresholds() -> None:
    scores, prior = drawn(0, 3, 9, 11), drawn(1, 9, 11)
    found = labels_of(scores, prior, 0.3)
    for y, x in np.ndindex(9, 11):
        best = max(range(3), key=lambda k: scores[k, y, x])
        above = scores[best, y, x] + prior[y, x] > 0.3 + 0.5
        assert found[y, x] == (best + 1 if above else 0)


def test_what_knows_the_classes_is_averaged_before_the_foreground_has_its_half() -> None:
    scores, one, other = drawn(0, 2, 9, 11), drawn(1, 2, 9, 11), drawn(2, 2, 9, 11)
    foreground = drawn(3, 9, 11)
    mean, threshold = with_priors(scores, [one, other], 0.2)
    assert threshold == pytest.approx((0.2 + 0.5 + 0.5) / 3)
    for place in np.ndindex(2, 9, 11):
        assert mean[place] == pytest.approx((scores[place] + one[place] + other[place]) / 3)
    # A prior that sees all of every class counts in full.
    foreground[hard_labels(mean, threshold) > 0] = 1
    halves = with_priors(mean, [foreground], threshold)
    for order in ([foreground, one, other], [one, other, foreground]):
        both, level = with_priors(scores, order, 0.2)
        assert level == pytest.approx((threshold + 0.5) / 2) == halves[1]
        assert both == pytest.approx(halves[0])
        for k, y, x in np.ndindex(2, 9, 11):
            assert both[k, y, x] == pytest.approx((mean[k, y, x] + foreground[y, x]) / 2)
    alone, threshold = with_priors(scores, [], 0.2)
    assert np.array_equal(alone, scores) and threshold == 0.2


def two_objects() -> np.ndarray:
    """Scores of two classes, one on the left and one on the right, with background between."""
    scores = np.zeros((2, 6, 12), np.float32)
    scores[0, :, :4] = scores[1, :, 8:] = 0.9
    return scores


def test_a_class_that_the_prior_misses_is_left_to_what_knows_the_classes() -> None:
    scores, prior = two_objects(), np.zeros((6, 12), np.float32)
    expected = hard_labels(scores, 0.5)
    prior[:, :4] = 1  # it sees the first object, and not the second
    assert np.array_equal(hard_labels(*with_priors(scores, [prior, scores], 0.4)), expected)
    # The scores alone are not believed against it.
    assert not hard_labels(*with_priors(scores, [prior], 0.4))[:, 8:].any()
    # Nor is it believed that nothing is to be seen, as without what knows the classes it would be.
    prior[:] = 0
    assert np.array_equal(hard_labels(*with_priors(scores, [prior, scores], 0.4)), expected)


def test_a_prior_counts_for_a_class_as_much_as_it_sees_of_it() -> None:
    scores, prior = two_objects(), np.zeros((6, 12), np.float32)
    prior[:, :4], prior[:3, 8:] = 1, 0.8
    scores[1, :, 7] = 0.1  # background, where the second class is the best of all
    mean, threshold = with_priors(scores, [prior, scores], 0.4)
    level = (0.4 + 0.5) / 2
    assert threshold == pytest.approx((level + 0.5) / 2)
    seen = np.sqrt(0.8**2 / 2)
    for y, x, weight in ((0, 0, 1), (0, 9, seen), (5, 9, seen), (0, 7, seen), (0, 6, 1)):
        top = scores[:, y, x].max()
        own = min(top - level + 0.5, 1)
        believed = weight * prior[y, x] + (1 - weight) * own
        assert mean[:, y, x].max() == pytest.approx((top + believed) / 2)


def test_a_prior_of_one_half_decides_nothing() -> None:
    scores = drawn(0, 2, 9, 11)
    even = labels_of(scores, np.full((9, 11), 0.5, np.float32), 0.25)
    assert np.array_equal(even, hard_labels(scores, 0.25))


def test_without_classes_all_is_background() -> None:
    assert not labels_of(np.zeros((0, 4, 5), np.float32), np.ones((4, 5), np.float32), 0.2).any()


def test_a_mirrored_photograph_has_mirrored_labels() -> None:
    scores, prior = drawn(0, 3, 9, 11), drawn(1, 9, 11)
    regions = np.random.default_rng(2).integers(0, 5, (9, 11))
    mirrored = labels_of(scores[..., ::-1], prior[:, ::-1], 0.3)
    assert np.array_equal(mirrored, labels_of(scores, prior, 0.3)[:, ::-1])
    voted = mean_of_regions(scores[..., ::-1], regions[:, ::-1])
    assert np.allclose(voted, mean_of_regions(scores, regions)[..., ::-1])


def test_a_segment_has_the_mean_of_its_pixels_and_0_is_none() -> None:
    scores = drawn(0, 2, 6, 7)
    regions = np.random.default_rng(2).integers(0, 4, (6, 7)).astype(np.uint16)
    voted = mean_of_regions(scores, regions)
    for region in range(1, 4):
        inside = regions == region
        for each, mean in zip(voted, scores[:, inside].mean(1), strict=True):
            assert np.allclose(each[inside], mean)
    assert np.array_equal(voted[:, regions == 0], scores[:, regions == 0])
    assert voted.dtype == np.float32


@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_a_segment_is_of_one_label(threshold: float) -> None:
    scores, regions = drawn(0, 3, 8, 8), np.repeat(np.arange(1, 5), 16).reshape(8, 8)
    labels = hard_labels(mean_of_regions(scores, regions), threshold)
    means = np.array([scores[:, regions == r].mean(1) for r in range(1, 5)])
    expected = np.where(means.max(1) > threshold, means.argmax(1) + 1, 0)
    assert [set(labels[regions == r].tolist()) for r in range(1, 5)] == [{e} for e in expected]


def test_a_vote_without_classes_is_one_on_the_background() -> None:
    assert mean_of_regions(np.zeros((0, 4, 5)), np.ones((4, 5), int)).shape == (0, 4, 5)
