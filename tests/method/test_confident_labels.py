"""Confident labels, Eq. 1."""

import numpy as np

from bes.method.confident_labels import confident_labels

THRESHOLDS = {"theta_fg": 0.3, "theta_bg": 0.07}


def as_they_are(label_maps: list[np.ndarray]) -> list[np.ndarray]:
    return label_maps


def scores(*rows: list[float]) -> np.ndarray:
    """One row of pixels per class."""
    return np.array(rows, np.float32)[:, None, :]


def test_without_refinement_it_is_eq_1():
    maps = scores([0.9, 0.2, 0.01, 0.0], [0.5, 0.1, 0.02, 0.8])
    labels = confident_labels(maps, [4, 9], **THRESHOLDS, refine=as_they_are)
    assert labels.tolist() == [[4, 255, 0, 9]]
    assert labels.dtype == np.uint8


def test_a_score_equal_to_its_threshold_is_background():
    maps = np.float32([0.3, 0.07])[None, None]
    labels = confident_labels(maps, [4], **THRESHOLDS, refine=as_they_are)
    assert labels.tolist() == [[255, 0]]


def test_each_threshold_is_refined_by_itself():
    seen = []

    def refine(label_maps):
        seen.extend(label_maps)
        strict, lenient = label_maps
        return np.zeros_like(strict), np.full_like(lenient, 2)

    labels = confident_labels(scores([0.9, 0.2], [0.0, 0.0]), [4, 9], **THRESHOLDS, refine=refine)
    assert [hard.tolist() for hard in seen] == [[[1, 0]], [[1, 1]]]
    assert labels.tolist() == [[255, 255]]


def test_the_strict_map_names_the_class_where_both_see_one():
    def refine(label_maps):
        return [np.array([[2]]), np.array([[1]])]

    labels = confident_labels(scores([0.9], [0.1]), [4, 9], **THRESHOLDS, refine=refine)
    assert labels.tolist() == [[9]]


def test_an_image_without_classes_is_background():
    maps = np.zeros((0, 3, 5), np.float32)
    labels = confident_labels(maps, [], **THRESHOLDS, refine=as_they_are)
    assert labels.shape == (3, 5)
    assert not labels.any()


def test_a_class_without_activation_is_background():
    maps = np.zeros((1, 3, 5), np.float32)
    assert not confident_labels(maps, [7], **THRESHOLDS, refine=as_they_are).any()
