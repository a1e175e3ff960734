"""How far to trust a pseudo label, from what the stages before it say; no mask is needed."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from bes.method.hard_labels import hard_labels

STRIDE = 4
"""Pixels of the photograph to a cell of the maps."""
SPREAD = 1.25
"""`stability` compares the labels at the background threshold times this and divided by it."""
REACH = 2
"""Cells of the maps by which an outline may miss a boundary."""
_REACHED = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)


FILLED = 0.85
"""Share of the cells from which on a label fills the frame."""
TOUCHED = 0.25
"""Share of a side of the frame from which on a label touches it."""
FOLLOWED = 2.0
"""Boundary along the outline, over boundary elsewhere, below which an outline follows none."""


class Signals(NamedTuple):
    """Seven answers to whether a label can be trusted, each from 0, not at all, to 1."""

    stability: float
    """Mean IoU of the labels at a higher and at a lower background threshold."""
    separation: float
    """Share of the variance of the revised scores that the label explains: 1 where all pixels of
    an object score the same and all of the background less; 0 where an object scores lower."""
    agreement: float
    """Mean IoU of the label and of the revised map at the threshold: what the dense CRF left."""
    boundary: float
    """F-measure of the label's outline and of the boundary map."""
    margin: float
    """Mean of 1 - second-best / best score over the object pixels; 1 where one class is present."""
    frame: float
    """Share of the border of the photograph, each side alike, that the label leaves free."""
    colour: float
    """1 - the overlap of the histograms of colours inside and outside of the label."""


def trust(signals: Signals) -> float:
    """The mean of the signals, in [0, 1], as none is known to matter more: nothing is fitted.

    A label that has more than half of the border loses in proportion, down to 0 for one that has
    all of it: stages that agree on the whole frame found no object.
    """
    return float(np.mean(signals) * min(1.0, 2 * signals.frame))


def trust_signals(
    *,
    maps: np.ndarray,
    classes: Sequence[int] | np.ndarray,
    boundary: np.ndarray,
    labels: np.ndarray,
    photo: np.ndarray,
    threshold: float,
) -> Signals:
    """The signals of one photograph.

    Without a class there is nothing to find and all are 1; a label that shows nothing of the
    classes present has all 0.

    Args:
        maps: (K,h,w) float revised maps of the K classes present, at a quarter of the size.
        classes: their label indices in 1..254.
        boundary: (h,w) float boundary probability in [0, 1].
        labels: (H,W) uint8 pseudo label, 0 background, with h = ceil(H / 4), w = ceil(W / 4).
        photo: (H,W,3) uint8 RGB.
        threshold: background score in (0, 1] of the pseudo labels, a share of the highest score.
    """
    if len(maps) == 0:
        return Signals(*[1.0] * len(Signals._fields))
    label_of = np.array([0, *classes], np.uint8)
    cells = labels[::STRIDE, ::STRIDE]
    if not np.isin(cells, label_of[1:]).any():
        return Signals(*[0.0] * len(Signals._fields))
    scores = maps / max(maps.max(), 1e-12)

    def at(background: float) -> np.ndarray:
        return label_of[hard_labels(scores, background)]

    return Signals(
        stability=_mean_iou(at(threshold * SPREAD), at(threshold / SPREAD), label_of),
        separation=_explained_variance(scores.max(0), cells > 0),
        agreement=_mean_iou(at(threshold), cells, label_of),
        boundary=_boundary_f(cells, boundary),
        margin=_margin(scores, cells > 0),
        frame=1 - float(np.mean(_sides(cells))),
        colour=_colour_difference(cells > 0, photo),
    )


def suspicions(labels: np.ndarray, boundary: np.ndarray) -> list[str]:
    """What a label, uint8 (H,W), should not look like, the gravest first: `filled` where it fills
    the frame, else `bordering` where it touches all four sides, and `unbounded` where its outline
    follows no boundary of the map, float (h,w) in [0, 1], or there is no outline."""
    cells = labels[::STRIDE, ::STRIDE]
    found = []
    if (cells > 0).mean() >= FILLED:
        found.append("filled")
    elif min(_sides(cells)) >= TOUCHED:
        found.append("bordering")
    outline, near = _outline(cells)
    if (cells > 0).any():
        reached = cv2.dilate(boundary, _REACHED)
        along = reached[outline].mean(dtype=np.float64) if outline.any() else 0.0
        elsewhere = reached[~near].mean(dtype=np.float64) if not near.all() else 0.0
        if along <= FOLLOWED * elsewhere:
            found.append("unbounded")
    return found


def weakest(signals: Sequence[Signals]) -> list[str]:
    """For each photograph the name of its weakest signal.

    The signals have different scales. The weakest is the one in which the fewest photographs do as
    badly or worse; of several the first.
    """
    values = np.array(signals, np.float64).reshape(-1, len(Signals._fields))
    as_bad = [np.searchsorted(np.sort(column), column, side="right") for column in values.T]
    return [Signals._fields[index] for index in np.argmin(as_bad, axis=0)]


def _mean_iou(one: np.ndarray, other: np.ndarray, label_of: np.ndarray) -> float:
    """Over the classes present, of which one that is in neither counts 0, and the background, which
    may be in neither."""
    ious = []
    for label in label_of:
        a, b = one == label, other == label
        union = int((a | b).sum())
        if union or label > 0:
            ious.append(int((a & b).sum()) / max(union, 1))
    return float(np.mean(ious))


def _explained_variance(scores: np.ndarray, inside: np.ndarray) -> float:
    """Variance between the two groups of scores, as a share of all of it (eta squared)."""
    share, variance = inside.mean(), scores.var(dtype=np.float64)
    if share in (0, 1) or variance == 0:
        return 0.0
    above = scores[inside].mean(dtype=np.float64) - scores[~inside].mean(dtype=np.float64)
    return float(min(max(above, 0) ** 2 * share * (1 - share) / variance, 1.0))


def _boundary_f(cells: np.ndarray, boundary: np.ndarray) -> float:
    """Harmonic mean of how probable a boundary is along the outline, and of the share of all
    boundary probability that lies along it."""
    outline, near = _outline(cells)
    if not outline.any() or not boundary.any():
        return 0.0
    supported = cv2.dilate(boundary, _REACHED)[outline].mean(dtype=np.float64)
    explained = boundary[near].sum(dtype=np.float64) / boundary.sum(dtype=np.float64)
    return float(2 * supported * explained / max(supported + explained, 1e-12))


def _outline(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells of the outline, and all within reach of one: bool (h,w) each."""
    outline = cv2.morphologyEx(cells, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return outline, cv2.dilate(outline.astype(np.uint8), _REACHED) > 0


def _sides(cells: np.ndarray) -> list[float]:
    """The share of each side of the frame that the label has."""
    inside = cells > 0
    return [float(side.mean()) for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1])]


def _colour_difference(inside: np.ndarray, photo: np.ndarray) -> float:
    """Of histograms of 8 x 8 x 8 colours of CIELAB at the cells; those far from grey share one."""
    if inside.all() or not inside.any():
        return 0.0
    small = cv2.resize(photo, inside.shape[::-1], interpolation=cv2.INTER_AREA)
    lightness, *tints = cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.int32))
    a, b = ((tint // 16 - 4).clip(0, 7) for tint in tints)
    bins = lightness // 32 * 64 + a * 8 + b
    one, other = (np.bincount(bins[part], minlength=512) / part.sum() for part in (inside, ~inside))
    return float(1 - np.minimum(one, other).sum())


def _margin(scores: np.ndarray, inside: np.ndarray) -> float:
    if len(scores) == 1:
        return 1.0
    second, best = np.sort(scores, axis=0)[-2:]
    return float((1 - second / np.maximum(best, 1e-12))[inside].mean(dtype=np.float64))
