"""Boundary precision and recall: thinned boundary maps matched one to one to true boundaries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from bes.errors import BesError
from bes.metrics.iou import VOID


class BoundaryMatch(NamedTuple):
    """Pixel counts of one match."""

    matched: int
    predicted: int
    truth: int


@dataclass(frozen=True)
class BoundaryScores:
    """Pixel counts at each threshold, of one image or, added up, of many.

    All fields are (number of thresholds,); `+` adds the counts of two images, so the scores of a
    dataset weigh each boundary pixel alike (the "optimal dataset scale" of BSDS).
    """

    thresholds: np.ndarray
    """Boundary probabilities in (0, 1), ascending."""

    matched: np.ndarray
    """Pixels of the prediction matched to a pixel of the truth."""

    predicted: np.ndarray
    """Pixels of the thinned prediction."""

    truth: np.ndarray
    """Pixels of the true boundary."""

    def __add__(self, other: "BoundaryScores") -> "BoundaryScores":
        return BoundaryScores(
            self.thresholds,
            self.matched + other.matched,
            self.predicted + other.predicted,
            self.truth + other.truth,
        )

    @property
    def precision(self) -> np.ndarray:
        """matched / predicted in [0, 1]; 0 where nothing is predicted."""
        return self.matched / np.maximum(self.predicted, 1)

    @property
    def recall(self) -> np.ndarray:
        """matched / truth in [0, 1]; 0 where nothing is true."""
        return self.matched / np.maximum(self.truth, 1)

    @property
    def f(self) -> np.ndarray:
        """Harmonic mean of precision and recall in [0, 1]."""
        return 2 * self.matched / np.maximum(self.predicted + self.truth, 1)


def boundary_scores(
    probability: np.ndarray, truth: np.ndarray, *, thresholds: int, tolerances: Sequence[float]
) -> list[BoundaryScores]:
    """Precision and recall of a boundary map at evenly spaced thresholds, for each tolerance.

    The protocol of BSDS and SBD: at each threshold the map is binarised, thinned to lines one
    pixel wide and matched to the truth.

    Args:
        probability: (H, W) float in [0, 1].
        truth: (H, W) bool, one pixel wide; see `boundaries_of`.
        thresholds: their number n, 99 in BSDS; they are i / (n + 1) for i in 1..n.
        tolerances: see `match_boundaries`; 0.0075 in BSDS, 0.02 in SBD.
    """
    levels = np.arange(1, thresholds + 1) / (thresholds + 1)
    matches: list[list[BoundaryMatch]] = []
    above = None
    for level in levels:
        before, above = above, probability >= level
        if before is not None and np.array_equal(before, above):
            matches.append(matches[-1])
        else:
            lines = thin(above)
            matches.append([match_boundaries(lines, truth, tolerance=t) for t in tolerances])
    counts = np.array(matches, np.int64).reshape(len(levels), len(tolerances), 3)
    return [BoundaryScores(levels, *counts[:, i].T) for i in range(len(tolerances))]


def match_boundaries(
    predicted: np.ndarray, truth: np.ndarray, *, tolerance: float
) -> BoundaryMatch:
    """Pair as many predicted with true boundary pixels as can be, each at most once.

    Args:
        predicted: (H, W) bool.
        truth: (H, W) bool.
        tolerance: largest distance of a pair, itself allowed, as a fraction of the image diagonal.

    Raises:
        BesError: sizes differ.
    """
    if predicted.shape != truth.shape:
        raise BesError(
            f"boundaries: the prediction is {predicted.shape}, expected the size of the truth, "
            f"{truth.shape}"
        )
    n_predicted, n_true = int(predicted.sum()), int(truth.sum())
    if n_predicted == 0 or n_true == 0:
        return BoundaryMatch(0, n_predicted, n_true)

    # The slack keeps a pair at exactly the distance a caller divided by the diagonal.
    distance = tolerance * math.hypot(*truth.shape) + 1e-9
    reach = math.floor(distance)
    height, width = np.add(truth.shape, 2 * reach)
    true_number = np.full((height, width), -1, np.int32)
    true_number[reach : height - reach, reach : width - reach][truth] = np.arange(n_true)
    steps = [dy * width + dx for dy, dx in _disc(distance)]
    rows, columns = np.nonzero(predicted)
    near = true_number.ravel()[((rows + reach) * width + columns + reach)[:, None] + steps]
    within = near >= 0
    matched = _largest_matching(within.sum(axis=1), near[within], n_true)
    return BoundaryMatch(matched, n_predicted, n_true)


def _largest_matching(n_partners: np.ndarray, partners: np.ndarray, n_right: int) -> int:
    """Size of a maximum bipartite matching, as the maximum flow from left to right.

    scipy's `maximum_bipartite_matching` would say it directly, but does not end in reasonable
    time on two long boundaries within reach of each other.

    Args:
        n_partners: (n_left,) number of partners of each left node.
        partners: their right nodes, all of the first left node first, each list ascending.
        n_right: number of right nodes.
    """
    # Nodes: source, left, right, sink.
    n_left = len(n_partners)
    sink = n_left + n_right + 1
    degrees = np.concatenate([[0, n_left], n_partners, np.ones(n_right, int), [0]])
    heads = np.concatenate(
        [np.arange(1, n_left + 1), partners + n_left + 1, np.full(n_right, sink)]
    )
    graph = csr_array(
        (np.ones(len(heads), np.int32), heads.astype(np.int32), degrees.cumsum().astype(np.int32)),
        shape=(sink + 1, sink + 1),
    )
    return maximum_flow(graph, 0, sink, method="dinic").flow_value


def boundaries_of(mask: np.ndarray) -> np.ndarray:
    """The boundaries between labels, thinned to one pixel as predictions are, whichever the labels.

    Void belongs to the nearest label: a void rim around an object has the boundary along its
    middle, and a void region inside one label has none.

    Args:
        mask: (H, W) uint8, 255 void.

    Returns:
        (H, W) bool, on the upper or left side of each change.
    """
    void = mask == VOID
    if void.all():
        return np.zeros(mask.shape, bool)
    if void.any():
        nearest = distance_transform_edt(void, return_distances=False, return_indices=True)
        mask = mask[tuple(nearest)]
    boundaries = np.zeros(mask.shape, bool)
    boundaries[:-1] |= mask[:-1] != mask[1:]
    boundaries[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    return thin(boundaries)


def thin(mask: np.ndarray) -> np.ndarray:
    """Thin regions to connected lines one pixel wide (Guo and Hall 1989, as MATLAB's bwmorph).

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) bool, a subset of the mask.
    """
    image: np.ndarray = mask.astype(np.uint8)
    unchanged = 0
    turn = 0
    while unchanged < 2:
        pattern = cv2.filter2D(image, cv2.CV_8U, _BIT_OF_NEIGHBOUR, borderType=cv2.BORDER_CONSTANT)
        thinner = cv2.bitwise_and(image, cv2.LUT(pattern, _survivors()[turn % 2]))
        unchanged = unchanged + 1 if np.array_equal(thinner, image) else 0
        image = thinner
        turn += 1
    return image.astype(bool)


# The neighbours x1..x8 of Guo and Hall, counterclockwise from east, as bits 0..7.
_BIT_OF_NEIGHBOUR = np.array([[8, 4, 2], [16, 0, 1], [32, 64, 128]], np.float32)


@cache
def _survivors() -> np.ndarray:
    """(2, 256) uint8: on even and odd turns, does a pixel with these neighbours set stay?"""
    bits = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool).T
    x = [None, *bits, bits[0]]  # x[1]..x[9], where x[9] is x[1]
    crossings = np.sum([~x[i] & (x[i + 1] | x[i + 2]) for i in (1, 3, 5, 7)], axis=0)
    pairs_from_odd = np.sum([x[i] | x[i + 1] for i in (1, 3, 5, 7)], axis=0)
    pairs_from_even = np.sum([x[i] | x[i + 1] for i in (2, 4, 6, 8)], axis=0)
    fewer = np.minimum(pairs_from_odd, pairs_from_even)
    thinnable = (crossings == 1) & (fewer >= 2) & (fewer <= 3)
    even = thinnable & ~((x[2] | x[3] | ~x[8]) & x[1])
    odd = thinnable & ~((x[6] | x[7] | ~x[4]) & x[5])
    return (~np.stack([even, odd])).astype(np.uint8)


@cache
def _disc(radius: float) -> list[tuple[int, int]]:
    """Offsets (dy, dx) no longer than the radius, row by row."""
    reach = range(-math.floor(radius), math.floor(radius) + 1)
    return [(dy, dx) for dy in reach for dx in reach if math.hypot(dy, dx) <= radius]
