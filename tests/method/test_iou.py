"""Confusion matrices and threshold curves."""

import numpy as np
import pytest

from bes.errors import BesError
from bes.metrics.iou import ConfusionMatrix, ThresholdCurve


def counted(prediction, truth, n_classes: int = 3) -> ConfusionMatrix:
    matrix = ConfusionMatrix(n_classes)
    matrix.update(np.array(prediction), np.array(truth, np.uint8))
    return matrix


def test_the_scores_of_six_pixels_are_those_by_hand():
    matrix = counted([[0, 0, 1, 1, 2, 2]], [[0, 1, 1, 1, 0, 2]])
    np.testing.assert_allclose(matrix.iou(), [1 / 3, 2 / 3, 1 / 2])
    np.testing.assert_allclose(matrix.precision(), [1 / 2, 1, 1 / 2])
    np.testing.assert_allclose(matrix.recall(), [1 / 2, 2 / 3, 1])
    assert matrix.mean_iou() == pytest.approx(1 / 2)


def test_a_perfect_prediction_scores_one(rng):
    truth = rng.integers(0, 3, (20, 30))
    assert counted(truth, truth).mean_iou() == 1


def test_void_pixels_do_not_count():
    assert counted([[0, 1, 2]], [[0, 1, 255]]).counts.sum() == 2


@pytest.mark.parametrize("stray", [255, 3, -1])
def test_a_prediction_that_is_no_class_misses_the_true_one(stray):
    matrix = counted([[1, stray]], [[1, 1]])
    assert matrix.iou()[1] == matrix.recall()[1] == 1 / 2
    assert matrix.precision()[1] == 1


def test_a_class_in_neither_has_no_iou():
    matrix = counted([[0, 1]], [[0, 1]])
    assert np.isnan(matrix.iou()[2])
    assert matrix.mean_iou() == 1


def test_a_class_only_predicted_has_an_iou_of_zero():
    assert counted([[0, 2]], [[0, 0]]).iou()[2] == 0


def test_nothing_counted_has_no_mean():
    assert np.isnan(ConfusionMatrix(3).mean_iou())


def test_pixels_that_are_counted_in_strips_are_all_counted(rng, monkeypatch):
    prediction, truth = rng.integers(0, 3, (2, 8, 9))
    whole = counted(prediction, truth).counts
    monkeypatch.setattr("bes.metrics.iou.STRIP", 7)
    np.testing.assert_array_equal(counted(prediction, truth).counts, whole)
    assert whole.sum() == 72


def test_matrices_add_up_to_that_of_all_images(rng):
    images = rng.integers(0, 3, (2, 2, 8, 9))
    together = ConfusionMatrix(3)
    for prediction, truth in images:
        together.update(prediction, truth)
    parts = counted(*images[0]) + counted(*images[1])
    np.testing.assert_array_equal(parts.counts, together.counts)
    parts.add_arrays(together.to_arrays())
    np.testing.assert_array_equal(parts.counts, 2 * together.counts)


def test_an_unknown_true_label_is_refused():
    with pytest.raises(BesError, match="label 7, expected 0 to 2"):
        counted([[0, 0]], [[7, 0]])


def test_sizes_that_differ_are_refused():
    with pytest.raises(BesError, match=r"\(1, 2\).*\(1, 3\)"):
        counted([[0, 0]], [[0, 0, 0]])


def thresholded(scores, classes, threshold: float) -> np.ndarray:
    best = np.array(classes)[scores.argmax(axis=0)]
    return np.where(scores.max(axis=0) > threshold, best, 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_curve_is_what_each_threshold_gives_alone(rng, dtype):
    thresholds = [0.0, 0.1, 0.25, 0.5, 0.99, 1.0]
    curve = ThresholdCurve(5, thresholds)
    alone = [ConfusionMatrix(5) for _ in thresholds]
    for classes in ([1, 4], [3], [2, 1, 4]):
        scores = (rng.integers(0, 21, (len(classes), 12, 17)) / 20).astype(dtype)  # many ties
        truth = rng.choice([0, 1, 2, 4, 255], (12, 17)).astype(np.uint8)
        curve.update(scores, classes, truth)
        for threshold, matrix in zip(thresholds, alone, strict=True):
            matrix.update(thresholded(scores, classes, threshold), truth)
    for i, matrix in enumerate(alone):
        np.testing.assert_array_equal(curve.confusion(i).counts, matrix.counts)
    np.testing.assert_array_equal(curve.mean_iou(), [matrix.mean_iou() for matrix in alone])


def test_curves_add_up_to_that_of_all_images(rng):
    together = ThresholdCurve(3, [0.2, 0.6])
    parts = [ThresholdCurve(3, [0.2, 0.6]) for _ in range(2)]
    for part in parts:
        image = rng.random((2, 8, 9)), [1, 2], rng.integers(0, 3, (8, 9)).astype(np.uint8)
        part.update(*image)
        together.update(*image)
    stored = ThresholdCurve(3, [0.2, 0.6])
    for part in parts:
        stored.add_arrays(part.to_arrays())
    for i in range(2):
        for total in (parts[0] + parts[1], stored):
            np.testing.assert_array_equal(total.confusion(i).counts, together.confusion(i).counts)


def test_a_curve_takes_memory_for_what_occurs():
    curve = ThresholdCurve(255, [0.5])
    assert curve.to_arrays()["counts"].shape == (0, 2)
    curve.update(np.full((1, 2, 2), 0.9), [200], np.array([[0, 200], [255, 0]], np.uint8))
    arrays = curve.to_arrays()
    assert arrays["pairs"].tolist() == [[0, 200], [200, 200]]
    assert arrays["counts"].tolist() == [[0, 2], [0, 1]]


def test_an_unknown_true_label_is_refused_by_a_curve_too():
    for scores in (np.zeros((0, 1, 2), np.float32), np.full((1, 1, 2), 0.9)):
        with pytest.raises(BesError, match="label 7, expected 0 to 2"):
            ThresholdCurve(3, [0.5]).update(scores, [1][: len(scores)], np.array([[7, 255]]))


def test_an_image_without_classes_is_background_at_every_threshold():
    curve = ThresholdCurve(3, [0.0, 0.5])
    curve.update(np.zeros((0, 2, 2), np.float32), [], np.array([[0, 1], [255, 0]], np.uint8))
    for i in range(2):
        assert curve.confusion(i).counts[:, 0].tolist() == [2, 1, 0]
        assert curve.confusion(i).counts.sum() == 3


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(BesError, match="ascending"):
        ThresholdCurve(3, [0.5, 0.2])


def test_a_map_of_no_class_misses_the_true_one():
    """Of three labels, the map of a fourth or fifth is best everywhere."""
    for stray in (3, 4, 254):
        curve = ThresholdCurve(3, [0.5])
        curve.update(np.full((1, 2, 2), 0.9), [stray], np.full((2, 2), 1, np.uint8))
        matrix = curve.confusion(0)
        assert matrix.counts.sum() == 4 and matrix.iou()[1] == 0
        assert np.isnan(matrix.precision()).all()
