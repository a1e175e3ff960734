"""The random walk with strokes, and labels mended by it."""

import numpy as np
import pytest
import torch
from test_random_walk import dense_affinity

from bes.errors import BesError
from bes.method.dense_crf import DenseCrfSettings
from bes.method.mending import cells_of, mend, shares
from bes.method.scribbles import FREE, ScribbleWalk

PUBLISHED = {"beta": 5, "radius": 5}
SIZE = (9, 13)


@pytest.fixture
def boundary(rng) -> torch.Tensor:
    return torch.from_numpy(rng.random(SIZE) ** 3)


@pytest.fixture
def prior(rng) -> torch.Tensor:
    shares = rng.random((3, *SIZE))
    return torch.from_numpy(shares / shares.sum(0))


def strokes_at(**pixels: tuple[int, int]) -> torch.Tensor:
    strokes = torch.full(SIZE, FREE)
    for label, pixel in enumerate(pixels.values()):
        strokes[pixel] = label
    return strokes


STROKES = strokes_at(background=(0, 0), cat=(4, 3), dog=(8, 12))


def dense_spread(strokes, prior, boundary, *, beta, radius, steps):
    """One linear system for all pixels: a stroke is its label, any other pixel the mean of its
    neighbours, or with probability 1 / steps what it was before."""
    affinity = dense_affinity(boundary, beta=beta, radius=radius)
    transition = affinity / affinity.sum(axis=1, keepdims=True)
    flat = strokes.ravel()
    free = flat == FREE
    system = np.eye(len(flat)) - free[:, None] * (1 - 1 / steps) * transition
    known = (flat == np.arange(len(prior))[:, None]).astype(float)
    target = np.where(free, prior.reshape(len(prior), -1) / steps, known)
    return np.linalg.solve(system, target.T).T.reshape(prior.shape)


@pytest.mark.parametrize("steps", [1, 10, 256])
@pytest.mark.parametrize("settings", [PUBLISHED, {"beta": 10, "radius": 3}])
def test_a_dense_system_has_the_same_solution(boundary, prior, steps, settings):
    exact = dense_spread(STROKES.numpy(), prior.numpy(), boundary.numpy(), steps=steps, **settings)
    spread = ScribbleWalk(boundary, steps=steps, **settings).spread(STROKES, prior, tolerance=1e-9)
    np.testing.assert_allclose(spread, exact, atol=1e-8)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-5])
def test_the_error_stays_within_the_tolerance(boundary, prior, tolerance):
    exact = dense_spread(STROKES.numpy(), prior.numpy(), boundary.numpy(), steps=256, **PUBLISHED)
    walk = ScribbleWalk(boundary, steps=256, **PUBLISHED)
    spread = walk.spread(STROKES, prior, tolerance=tolerance)
    assert abs(spread.numpy() - exact).max() < tolerance


def test_strokes_keep_their_label_and_probabilities_sum_to_one(boundary, prior):
    walk = ScribbleWalk(boundary, steps=50, **PUBLISHED)
    spread = walk.spread(STROKES, prior, tolerance=1e-4)
    drawn = STROKES != FREE
    assert (spread[:, drawn].argmax(0) == STROKES[drawn]).all()
    assert (spread[:, drawn].amax(0) == 1).all() and (spread[:, drawn].sum(0) == 1).all()
    torch.testing.assert_close(spread.sum(0), torch.ones(SIZE).double(), atol=1e-3, rtol=0)


def test_no_stroke_goes_through_a_wall():
    boundary = torch.zeros(SIZE)
    boundary[:, 6] = 1
    prior = torch.stack([torch.ones(SIZE), torch.zeros(SIZE)])
    walk = ScribbleWalk(boundary, steps=10_000, **PUBLISHED)
    cat = walk.spread(strokes_at(none=(8, 12), cat=(4, 3)), prior)[1]
    assert (cat[:, :6] > 0.9).all() and (cat[:, 7:] == 0).all()


def test_without_strokes_labels_that_no_boundary_parts_stay(boundary):
    prior = torch.zeros(2, *SIZE)
    prior[1] = 1
    walk = ScribbleWalk(boundary, steps=256, **PUBLISHED)
    torch.testing.assert_close(walk.spread(torch.full(SIZE, FREE), prior), prior.double())


@pytest.mark.parametrize("dims", [[0], [1], [0, 1]])
def test_a_mirrored_photograph_gives_the_mirrored_labels(boundary, prior, dims):
    def spread(flip):
        walk = ScribbleWalk(flip(boundary), steps=100, **PUBLISHED)
        return flip(walk.spread(flip(STROKES), flip(prior), tolerance=1e-9))

    mirrored = spread(lambda x: x.flip([d - 2 for d in dims]))
    torch.testing.assert_close(mirrored, spread(lambda x: x), atol=1e-7, rtol=0)


@pytest.mark.parametrize("what", ["strokes", "prior"])
def test_sizes_must_agree(boundary, prior, what):
    given = {"strokes": STROKES, "prior": prior}
    given[what] = given[what][..., :-1]
    with pytest.raises(BesError, match=f"the {what} are"):
        ScribbleWalk(boundary, steps=9, **PUBLISHED).spread(**given)


# From pixels to cells and back


def test_shares_are_of_the_pixels_in_a_cell():
    labels = np.zeros((6, 9), int)
    labels[:2, :4] = 1
    labels[4:, 8:] = 2
    found = shares(labels, 3)
    assert found.shape == (3, 2, 3)
    assert found[1, 0, 0] == 0.5 and found[0, 0, 0] == 0.5
    assert found[2, 1, 2] == 1  # what lies outside is as the edge
    assert (found.sum(0) == 1).all()


def test_a_cell_has_the_stroke_with_most_of_its_pixels():
    strokes = np.full((6, 9), FREE)
    strokes[3, 1:3], strokes[2, 1] = 2, 1
    strokes[5, 8] = 0
    cells = cells_of(strokes, 3)
    assert cells.tolist() == [[2, FREE, FREE], [FREE, FREE, 0]]


@pytest.fixture
def scene(rng):
    """A bright square, labelled but for its right half."""
    truth = np.zeros((48, 64), np.int64)
    truth[12:36, 16:48] = 1
    photo = (60 + 150 * truth[..., None] + rng.integers(0, 20, (48, 64, 3))).astype(np.uint8)
    edge = np.zeros((12, 16))
    edge[[2, 9], 3:13] = edge[2:10, [3, 12]] = 0.9
    walk = ScribbleWalk(torch.from_numpy(edge), steps=256, **PUBLISHED)
    return photo, truth, np.where(np.arange(64) < 32, truth, 0), walk


@pytest.mark.parametrize("crf", [None, DenseCrfSettings(bilateral_sxy=20)])
def test_a_stroke_mends_what_is_missing_and_leaves_the_rest(scene, crf):
    photo, truth, labels, walk = scene
    strokes = np.full(labels.shape, FREE)
    strokes[24, 36:44] = 1
    mended = mend(photo, labels, strokes, 2, walk=walk, crf=crf)
    assert (mended == truth).mean() > 0.95 > (labels == truth).mean()


@pytest.mark.parametrize("crf", [None, DenseCrfSettings(bilateral_sxy=20)])
def test_strokes_are_kept_pixel_by_pixel_even_where_they_are_wrong(scene, rng, crf):
    photo, _, labels, walk = scene
    strokes = np.where(rng.random(labels.shape) < 0.02, rng.integers(0, 2, labels.shape), FREE)
    mended = mend(photo, labels, strokes, 2, walk=walk, crf=crf)
    drawn = strokes != FREE
    assert (mended[drawn] == strokes[drawn]).all()


def test_what_a_person_drew_far_from_a_stroke_stays(scene):
    photo, truth, labels, walk = scene
    labels[2:5, 2:5] = 1  # a speck, which neither photograph nor boundary map asks for
    strokes = np.full(labels.shape, FREE)
    strokes[24, 36:44] = 1
    given = {"n_labels": 2, "walk": walk, "crf": DenseCrfSettings(bilateral_sxy=20)}
    kept = mend(photo, labels, strokes, everywhere=False, **given)
    assert (kept[:10] == labels[:10]).all() and (kept[12:36] == truth[12:36]).mean() > 0.95
    assert (mend(photo, labels, strokes, **given)[2:5, 2:5] == 0).all()


def test_what_a_person_drew_behind_a_wall_stays_to_the_pixel(scene):
    photo, _, labels, _ = scene
    labels[::6, :24] = 1  # lines, finer than the cells that the walk is on
    wall = np.zeros((12, 16))
    wall[:, 7] = 1
    walk = ScribbleWalk(torch.from_numpy(wall), steps=256, **PUBLISHED)
    strokes = np.full(labels.shape, FREE)
    strokes[24, 36:44] = 1
    given = {"n_labels": 2, "walk": walk, "crf": None}
    kept = mend(photo, labels, strokes, everywhere=False, **given)
    assert (kept[:, :24] == labels[:, :24]).all()
    assert (mend(photo, labels, strokes, **given)[:, :24] != labels[:, :24]).any()
