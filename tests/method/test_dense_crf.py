"""The dense CRF, Eq. 9."""

import sys

import numpy as np
import pytest

from bes.errors import BesError
from bes.method.dense_crf import DenseCrfSettings, refine, refine_all, refine_probabilities

SETTINGS = DenseCrfSettings()


@pytest.fixture
def image(rng) -> np.ndarray:
    """Dark on the left, bright on the right, with noise."""
    plain = np.full((30, 40, 3), 40)
    plain[:, 20:] = 200
    return (plain + rng.integers(0, 8, plain.shape)).astype(np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    """A foreground that reaches 4 pixels too far to the right."""
    labels = np.zeros((30, 40), np.int32)
    labels[:, :24] = 1
    return labels


def test_it_is_what_pydensecrf_computes_from_hard_labels(image, rng):
    from pydensecrf.densecrf import DenseCRF2D
    from pydensecrf.utils import unary_from_labels

    labels = np.kron(rng.integers(0, 3, (3, 4)), np.ones((10, 10), int))
    crf = DenseCRF2D(40, 30, 3)
    crf.setUnaryEnergy(unary_from_labels(labels, 3, gt_prob=0.7, zero_unsure=False))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=50, srgb=5, rgbim=image, compat=10)
    expected = np.argmax(crf.inference(10), axis=0).reshape(30, 40)
    np.testing.assert_array_equal(refine(image, labels, 3, SETTINGS), expected)


def test_labels_move_to_the_edge_in_the_photograph(image, labels):
    refined = refine(image, labels, 2, SETTINGS)
    assert refined.dtype == np.uint8
    assert (refined[:, :20] == 1).all()
    assert (refined[:, 20:] == 0).all()


def test_maps_refined_together_come_out_as_if_apart(image, labels):
    others = [labels, labels.T[:30, :30].repeat(2, axis=1)[:, :40], 1 - labels]
    together = refine_all(image, others, 2, SETTINGS)
    for one, alone in zip(together, others, strict=True):
        np.testing.assert_array_equal(one, refine(image, alone, 2, SETTINGS))


@pytest.mark.parametrize("layout", ["read-only", "mirrored", "strided", "Fortran"])
def test_any_array_will_do(image, labels, layout):
    def laid_out(array: np.ndarray) -> np.ndarray:
        if layout == "read-only":
            array = array.copy()
            array.flags.writeable = False
            return array
        if layout == "mirrored":
            return array[..., ::-1].copy()[..., ::-1]
        if layout == "strided":
            return array.repeat(2, axis=-1)[..., ::2]
        return np.asfortranarray(array)

    other, given = laid_out(image), laid_out(labels)
    expected = refine(image, labels, 2, SETTINGS)
    np.testing.assert_array_equal(refine(other, given, 2, SETTINGS), expected)
    for refined in refine_all(other, [given, given], 2, SETTINGS):
        np.testing.assert_array_equal(refined, expected)
    probability = np.stack([labels == 0, labels == 1]) * 0.8 + 0.1
    np.testing.assert_array_equal(
        refine_probabilities(other, laid_out(probability), SETTINGS),
        refine_probabilities(image, probability, SETTINGS),
    )


def test_with_one_label_there_is_nothing_to_decide(image):
    refined = refine(image, np.zeros((30, 40), np.int32), 1, SETTINGS)
    assert refined.dtype == np.uint8
    assert not refined.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_one_pixel_wide_photographs_are_refined(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert refine(image, np.ones(shape, np.int32), 2, SETTINGS).shape == shape


def test_a_photograph_seen_as_a_reversed_view_is_accepted(image, labels):
    mirrored, copied = image[:, ::-1], image[:, ::-1].copy()
    np.testing.assert_array_equal(
        refine(mirrored, labels, 2, SETTINGS), refine(copied, labels, 2, SETTINGS)
    )


def test_labels_of_another_size_are_refused(image):
    with pytest.raises(BesError, match=r"30x39.*30x40"):
        refine(image, np.zeros((30, 39), np.int32), 2, SETTINGS)


def test_an_uncertain_pixel_is_refused(image, labels):
    labels[0, 0] = 255
    with pytest.raises(BesError, match="0 to 255, expected 0 to 1"):
        refine(image, labels, 2, SETTINGS)


def test_a_missing_library_is_named(image, labels, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(BesError, match="pydensecrf2"):
        refine(image, labels, 2, SETTINGS)


def test_probabilities_are_refined_as_pydensecrf_does_it(image, rng):
    from pydensecrf.densecrf import DenseCRF2D
    from pydensecrf.utils import unary_from_softmax

    probability = rng.dirichlet(np.ones(3), (30, 40)).transpose(2, 0, 1).astype(np.float32)
    crf = DenseCRF2D(40, 30, 3)
    crf.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(probability)))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=50, srgb=5, rgbim=image, compat=10)
    expected = np.reshape(crf.inference(10), (3, 30, 40))
    refined = refine_probabilities(image, probability, SETTINGS)
    np.testing.assert_allclose(refined, expected, atol=1e-5)
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)


def test_of_one_label_the_probability_is_1(image):
    refined = refine_probabilities(image, np.full((1, 30, 40), 0.3, np.float32), SETTINGS)
    assert (refined == 1).all()


def test_probabilities_of_another_size_are_refused(image):
    with pytest.raises(BesError, match="are 30x41, expected the size of the photograph, 30x40"):
        refine_probabilities(image, np.full((2, 30, 41), 0.5), SETTINGS)
