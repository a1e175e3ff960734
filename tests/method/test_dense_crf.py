"""The dense CRF, Eq. 9."""

import dataclasses
import sys

import numpy as np
import pytest
from plain import smooth

from bes.errors import BesError
from bes.method.dense_crf import DenseCrfSettings, refine, refine_all, refine_probabilities
from bes.method.mean_field import build_kernel
from bes.method.permutohedral_lattice import lattice_builder

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
    DenseCRF2D = pytest.importorskip("pydensecrf.densecrf").DenseCRF2D
    from pydensecrf.utils import unary_from_labels

    labels = np.kron(rng.integers(0, 3, (3, 4)), np.ones((10, 10), int))
    crf = DenseCRF2D(40, 30, 3)
    crf.setUnaryEnergy(unary_from_labels(labels, 3, gt_prob=0.7, zero_unsure=False))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=50, srgb=5, rgbim=image, compat=10)
    expected = np.argmax(crf.inference(10), axis=0).reshape(30, 40)
    np.testing.assert_array_equal(refine(image, labels, 3, SETTINGS), expected)


@pytest.mark.parametrize("n_labels", [2, 3, 4, 7, 10])
def test_pydensecrf_gives_the_same_labels_of_a_photograph(rng, n_labels):
    pytest.importorskip("pydensecrf.densecrf")
    photo = smooth(rng, 67, 90)
    labels = np.kron(rng.integers(0, n_labels, (7, 9)), np.ones((10, 10), int))[:67]
    others = labels[::-1] * (labels > 0)
    settings = DenseCrfSettings(bilateral_sxy=13, bilateral_srgb=4)
    by_library = dataclasses.replace(settings, pydensecrf=True)
    ours = refine_all(photo, [labels, others], n_labels, settings)
    theirs = refine_all(photo, [labels, others], n_labels, by_library)
    np.testing.assert_array_equal(ours, theirs)
    assert any((found != given).any() for found, given in zip(ours, [labels, others], strict=True))


@pytest.mark.parametrize(("d", "least"), [(2, 0.995), (5, 0.98)])
def test_the_kernels_are_gaussians(rng, d, least):
    features = rng.normal(0, 1.2, (1000, d)).astype(np.float32)
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    exact = np.exp(-distances / 2).sum(1)
    # But for a factor, which the normalisation takes out again; the lattice is a coarse one.
    filtered = 1 / build_kernel(features).scale.astype(float) ** 2
    assert np.corrcoef(filtered, exact)[0, 1] > least


def test_corners_of_the_lattice_carry_all_of_a_point(rng):
    features = rng.normal(0, 3, (500, 5)).astype(np.float32)
    lattice = lattice_builder(5)(features)
    np.testing.assert_allclose(lattice.weights.sum(1), 1, atol=1e-5)
    assert lattice.weights.min() > -1e-5
    assert lattice.corners.min() == 1 and lattice.corners.max() == lattice.neighbours.shape[1] - 1
    for axis in lattice.neighbours:
        for corner, (before, behind) in enumerate(axis):
            assert behind == 0 or axis[behind, 0] == corner
            assert before == 0 or axis[before, 1] == corner


def test_labels_of_another_order_give_the_same_regions(image, rng):
    labels = np.kron(rng.integers(0, 4, (3, 4)), np.ones((10, 10), int))
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(
        refine(image, order[labels], 4, SETTINGS), order[refine(image, labels, 4, SETTINGS)]
    )


def test_a_mirrored_photograph_gives_mirrored_labels(rng):
    photo = smooth(rng, 60, 80)
    labels = np.kron(rng.integers(0, 2, (6, 8)), np.ones((10, 10), int))
    mirrored = refine(photo[:, ::-1], labels[:, ::-1], 2, SETTINGS)[:, ::-1]
    # But for pixels between two corners of the lattice, which has no mirrored axes.
    assert (mirrored != refine(photo, labels, 2, SETTINGS)).mean() < 0.01


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


def test_a_missing_library_is_named_where_it_is_asked_for(image, labels, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    refine(image, labels, 2, SETTINGS)
    with pytest.raises(BesError, match="pydensecrf2"):
        refine(image, labels, 2, dataclasses.replace(SETTINGS, pydensecrf=True))


def test_probabilities_are_refined_as_pydensecrf_does_it(image, rng):
    DenseCRF2D = pytest.importorskip("pydensecrf.densecrf").DenseCRF2D
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
