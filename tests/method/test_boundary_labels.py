"""Synthesised boundary labels, Eq. 2-3."""

import numpy as np
import pytest

from bes.errors import BesError
from bes.method.boundary_labels import BoundaryLabel, synthesize_boundary_labels

PUBLISHED = {"window": 13, "theta_scale": 0.3, "theta_diff": 0.1, "foreground_pairs": True}


@pytest.fixture
def confident(rng) -> np.ndarray:
    blocks = rng.choice([0, 0, 1, 2, 255], (5, 6))
    return np.kron(blocks, np.ones((9, 9))).astype(np.uint8)


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("pairs", [True, False])
def test_golden_labels_are_met_exactly(golden, case, pairs):
    vectors = golden(f"boundary_labels_{case}")
    labels = synthesize_boundary_labels(
        vectors["confident"],
        window=vectors["window"].item(),
        theta_scale=vectors["theta_scale"].item(),
        theta_diff=vectors["theta_diff"].item(),
        foreground_pairs=pairs,
    )
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, vectors["with_fg_fg" if pairs else "without_fg_fg"])


def counted_one_by_one(
    confident: np.ndarray, window: int, theta_scale: float, theta_diff: float
) -> np.ndarray:
    """Eq. 2-3 with foreground pairs, written pixel by pixel."""
    scale, diff = np.float32(theta_scale), np.float32(theta_diff)
    double_scale, double_diff = np.float32(2 * theta_scale), np.float32(2 * theta_diff)
    reach = window // 2
    labels = np.full(confident.shape, BoundaryLabel.UNCERTAIN, np.uint8)
    for y, x in np.ndindex(confident.shape):
        seen = confident[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        share = np.bincount(seen.ravel(), minlength=256).astype(np.float32) / np.float32(seen.size)
        s0, (s2, s1) = share[0], np.sort(share[1:255])[-2:]
        if s0 > double_scale and s0 - s1 >= double_diff:
            labels[y, x] = BoundaryLabel.BACKGROUND
        if s1 > double_scale and s1 - s0 >= double_diff:
            labels[y, x] = BoundaryLabel.FOREGROUND
        if min(s0, s1) > scale and abs(s0 - s1) < diff:
            labels[y, x] = BoundaryLabel.BOUNDARY_FG_BG
        if s2 > scale and s1 - s2 < diff:
            labels[y, x] = BoundaryLabel.BOUNDARY_FG_FG
    return labels


@pytest.mark.parametrize("window", [1, 5, 13, 61])
def test_window_sums_count_what_a_loop_counts(confident, window):
    expected = counted_one_by_one(confident, window, 0.3, 0.1)
    labels = synthesize_boundary_labels(confident, **PUBLISHED | {"window": window})
    np.testing.assert_array_equal(labels, expected)


B, F = BoundaryLabel.BACKGROUND, BoundaryLabel.FOREGROUND
FG_BG, FG_FG = BoundaryLabel.BOUNDARY_FG_BG, BoundaryLabel.BOUNDARY_FG_FG
NONE = BoundaryLabel.UNCERTAIN


@pytest.mark.parametrize(
    ("pixels", "theta_scale", "theta_diff", "label"),
    [
        ((0, 3, 3, 255), 0.2, 0.25, NONE),  # |S1 - S0| = theta_diff is no boundary
        ((0, 3, 3, 255), 0.2, 0.3, FG_BG),
        ((0, 3, 255, 255), 0.25, 0.3, NONE),  # nor are shares of theta_scale
        ((0, 3, 255, 255), 0.2, 0.3, FG_BG),
        ((3, 3, 4, 255), 0.2, 0.25, F),
        ((3, 3, 4, 255), 0.2, 0.3, FG_FG),
        ((0, 0, 0, 3), 0.3, 0.25, B),  # 2 theta_diff of a lead are enough
        ((3, 3, 3, 0), 0.3, 0.25, F),
        ((0, 0, 255, 255), 0.25, 0.1, NONE),  # 2 theta_scale of a share are not
        ((3, 3, 255, 255), 0.25, 0.1, NONE),
    ],
)
def test_at_the_thresholds(pixels, theta_scale, theta_diff, label):
    """Of four pixels that all see each other, so that shares and leads are exact numbers."""
    confident = np.uint8(pixels).reshape(2, 2)
    labels = synthesize_boundary_labels(
        confident,
        window=3,
        theta_scale=theta_scale,
        theta_diff=theta_diff,
        foreground_pairs=True,
    )
    assert (labels == label).all()


def test_which_index_a_class_has_does_not_matter(confident):
    renamed = np.choose(confident.clip(0, 3), [0, 254, 77, 255]).astype(np.uint8)
    np.testing.assert_array_equal(
        synthesize_boundary_labels(confident, **PUBLISHED),
        synthesize_boundary_labels(renamed, **PUBLISHED),
    )


def test_a_transposed_image_has_transposed_labels(confident):
    np.testing.assert_array_equal(
        synthesize_boundary_labels(confident, **PUBLISHED).T,
        synthesize_boundary_labels(np.ascontiguousarray(confident.T), **PUBLISHED),
    )


@pytest.mark.parametrize(
    ("index", "label"),
    [
        (0, BoundaryLabel.BACKGROUND),
        (3, BoundaryLabel.FOREGROUND),
        (255, BoundaryLabel.UNCERTAIN),
    ],
)
def test_an_image_of_one_label_has_no_boundary(index, label):
    confident = np.full((20, 30), index, np.uint8)
    assert (synthesize_boundary_labels(confident, **PUBLISHED) == label).all()


@pytest.mark.parametrize(
    ("sides", "label"),
    [((0, 5), BoundaryLabel.BOUNDARY_FG_BG), ((4, 5), BoundaryLabel.BOUNDARY_FG_FG)],
)
def test_two_halves_meet_in_a_boundary(sides, label):
    confident = np.repeat(np.uint8(sides), 20)[None].repeat(30, axis=0)
    labels = synthesize_boundary_labels(confident, **PUBLISHED)
    assert (labels[:, [19, 20]] == label).all()
    assert not (labels[:, [0, -1]] == label).any()


def test_the_paper_has_no_boundary_between_two_objects():
    confident = np.repeat(np.uint8([4, 5]), 20)[None].repeat(30, axis=0)
    labels = synthesize_boundary_labels(confident, **PUBLISHED | {"foreground_pairs": False})
    assert BoundaryLabel.BOUNDARY_FG_FG not in labels


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_a_window_larger_than_the_image_is_allowed(shape):
    labels = synthesize_boundary_labels(np.zeros(shape, np.uint8), **PUBLISHED)
    assert (labels == BoundaryLabel.BACKGROUND).all()


@pytest.mark.parametrize("window", [0, 12, -3])
def test_a_window_without_a_centre_is_refused(confident, window):
    with pytest.raises(BesError, match=f"window is {window}"):
        synthesize_boundary_labels(confident, **PUBLISHED | {"window": window})
