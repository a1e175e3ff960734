"""Mending: a label map repaired by a few strokes, with the walk of Eq. 5 and the dense CRF."""

import cv2
import numpy as np
import torch

from bes.method.dense_crf import DenseCrfSettings, refine
from bes.method.hard_labels import upsample
from bes.method.scribbles import FREE, ScribbleWalk

STRIDE = 4
CHANCE = 0.1
"""Probability to meet a stroke from which on a stroke reaches a pixel."""
REACH = 2 * STRIDE
"""Pixels around a change that are near it: two cells, by which an outline may be wrong."""


def mend(
    photo: np.ndarray,
    labels: np.ndarray,
    strokes: np.ndarray,
    n_labels: int,
    *,
    walk: ScribbleWalk,
    crf: DenseCrfSettings | None,
    everywhere: bool = True,
) -> np.ndarray:
    """Repair labels by strokes.

    The walk on the boundary map at 1/4 has the labels as they are as its prior; the dense CRF
    refines where it ends. Strokes keep their label, pixel by pixel.

    Args:
        photo: (H, W, 3) uint8, RGB.
        labels: (H, W) integers in [0, n_labels), as they are.
        strokes: (H, W) integers, a label in [0, n_labels) or `FREE`.
        n_labels: number of labels.
        walk: of the photograph's boundary map, (ceil(H / 4), ceil(W / 4)).
        crf: None leaves the dense CRF out.
        everywhere: whether labels may change that no stroke reaches, which computed ones gain by.
            What a person drew should not; then only outlines near a change are refined.

    Returns:
        (H, W) uint8 in [0, n_labels).

    Raises:
        BesError: sizes differ.
    """
    # A last label, which is everywhere before and of no stroke: where the walk ends away from them.
    prior = np.pad(shares(labels, n_labels), ((0, 1), (0, 0), (0, 0)), constant_values=1)
    cells = cells_of(strokes, n_labels)
    found = walk.spread(torch.from_numpy(cells), torch.from_numpy(prior))
    *probability, away = upsample(found.numpy().astype(np.float32), labels.shape)
    ends = np.argmax(probability, axis=0)
    drawn = strokes != FREE
    mended = np.where(everywhere | (away < 1 - CHANCE), ends, labels)
    mended[drawn] = strokes[drawn]
    if crf is not None:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
        near = cv2.dilate((mended != labels).astype(np.uint8), disc) > 0
        refined = refine(photo, mended, n_labels, crf)
        mended = np.where((everywhere | near) & ~drawn, refined, mended)
    return mended.astype(np.uint8)


def shares(labels: np.ndarray, n_labels: int) -> np.ndarray:
    """(H, W) labels -> (n_labels, ceil(H / 4), ceil(W / 4)) float32, the share that each label has
    of a cell."""
    height, width = labels.shape
    padded = np.pad(labels, ((0, -height % STRIDE), (0, -width % STRIDE)), mode="edge")
    cells = padded.reshape(padded.shape[0] // STRIDE, STRIDE, -1, STRIDE)
    return np.stack([(cells == k).mean((1, 3), dtype=np.float32) for k in range(n_labels)])


def cells_of(strokes: np.ndarray, n_labels: int) -> np.ndarray:
    """(H, W) strokes -> (ceil(H / 4), ceil(W / 4)) int64: the label that strokes have most pixels
    of in a cell, of equal ones the first, or `FREE` where there is none."""
    height, width = strokes.shape
    padding = ((0, -height % STRIDE), (0, -width % STRIDE))
    found = shares(np.pad(strokes, padding, constant_values=FREE), n_labels)
    return np.where(found.max(0) > 0, found.argmax(0), FREE)
