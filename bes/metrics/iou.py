"""Intersection over union, precision and recall of label maps, from pixel counts."""

import itertools
from collections.abc import Sequence

import numpy as np

from bes.errors import BesError

VOID = 255


class ConfusionMatrix:
    """Counts of pixels by true and by predicted label, over any number of images.

    `counts` is (n_classes, n_classes + 1) int64, rows the truth. Its last column takes the
    predictions that are no class, such as 255: they miss the true class and hit none.
    """

    def __init__(self, n_classes: int) -> None:
        self.counts = np.zeros((n_classes, n_classes + 1), np.int64)

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Count one image.

        Args:
            prediction: (H, W) integers; any outside [0, n_classes) is a miss.
            truth: (H, W) uint8; pixels of 255 are void and not counted.

        Raises:
            BesError: sizes differ, or the truth has a label that is neither a class nor void.
        """
        n_classes = len(self.counts)
        _check_same_size(prediction.shape, truth.shape)
        predicted = prediction.astype(np.intp)
        predicted[(predicted < 0) | (predicted >= n_classes)] = n_classes
        self.counts += _histogram(truth, predicted, n_classes, n_classes + 1)

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        total = ConfusionMatrix(len(self.counts))
        total.counts = self.counts + other.counts
        return total

    def iou(self) -> np.ndarray:
        """(n_classes,) TP / (TP + FP + FN) in [0, 1]; NaN where a class is in neither."""
        return _ratio(self._hits, self._true + self._predicted - self._hits)

    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that have one, in [0, 1]; NaN if none has."""
        iou = self.iou()
        known = iou[~np.isnan(iou)]
        return float(known.mean()) if known.size else float("nan")

    def precision(self) -> np.ndarray:
        """(n_classes,) TP / (TP + FP) in [0, 1]; NaN where a class is never predicted."""
        return _ratio(self._hits, self._predicted)

    def recall(self) -> np.ndarray:
        """(n_classes,) TP / (TP + FN) in [0, 1]; NaN where a class is never true."""
        return _ratio(self._hits, self._true)

    @property
    def _hits(self) -> np.ndarray:
        return self.counts.diagonal()

    @property
    def _true(self) -> np.ndarray:
        return self.counts.sum(axis=1)

    @property
    def _predicted(self) -> np.ndarray:
        return self.counts[:, :-1].sum(axis=0)


class ThresholdCurve:
    """Confusion matrices of score maps for many background thresholds at once.

    A pixel is predicted as its best class where that score exceeds the threshold, else as
    background. Each pixel is visited once: what its prediction is at any threshold follows from
    its best class and how many thresholds its best score exceeds.
    """

    def __init__(self, n_classes: int, thresholds: Sequence[float]) -> None:
        """`thresholds` ascend."""
        if any(b <= a for a, b in itertools.pairwise(thresholds)):
            raise BesError(f"threshold curve: found {list(thresholds)}, expected ascending numbers")
        self.thresholds = np.array(thresholds, np.float64)
        # (true label, best class, number of thresholds exceeded) -> pixels
        self._counts = np.zeros((n_classes, n_classes + 1, len(thresholds) + 1), np.int64)

    def update(
        self, scores: np.ndarray, classes: Sequence[int] | np.ndarray, truth: np.ndarray
    ) -> None:
        """Count one image.

        Args:
            scores: (K, H, W) float; K may be 0.
            classes: label index of each of the K maps; of equal scores the first wins.
            truth: (H, W) uint8; pixels of 255 are void and not counted.

        Raises:
            BesError: sizes differ, or the truth has a label that is neither a class nor void.
        """
        n_classes, n_predicted, n_levels = self._counts.shape
        _check_same_size(scores.shape[1:], truth.shape)
        if len(scores) == 0:
            cell = np.zeros(truth.shape, np.intp)
        else:
            best = scores.max(axis=0)
            # A threshold is rounded to the type of the scores, as in `scores > threshold`.
            level = np.searchsorted(self.thresholds.astype(scores.dtype), best.ravel())
            columns = np.minimum(np.asarray(classes, np.intp), n_classes)
            cell = columns[scores.argmax(axis=0)] * n_levels + level.reshape(best.shape)
        counts = _histogram(truth, cell, n_classes, n_predicted * n_levels)
        self._counts += counts.reshape(self._counts.shape)

    def __add__(self, other: "ThresholdCurve") -> "ThresholdCurve":
        total = ThresholdCurve(len(self._counts), list(self.thresholds))
        total._counts = self._counts + other._counts
        return total

    def confusion(self, index: int) -> ConfusionMatrix:
        """The confusion matrix at `thresholds[index]`."""
        matrix = ConfusionMatrix(len(self._counts))
        matrix.counts = self._counts[:, :, index + 1 :].sum(axis=2)
        matrix.counts[:, 0] += self._counts[:, :, : index + 1].sum(axis=(1, 2))
        return matrix

    def mean_iou(self) -> np.ndarray:
        """(number of thresholds,) `ConfusionMatrix.mean_iou` at each."""
        return np.array([self.confusion(i).mean_iou() for i in range(len(self.thresholds))])


def _histogram(truth: np.ndarray, cell: np.ndarray, n_classes: int, n_cells: int) -> np.ndarray:
    """(n_classes, n_cells) counts of the pixels that are not void."""
    cell = cell + truth.astype(np.intp) * n_cells
    counts = np.bincount(cell.ravel(), minlength=(VOID + 1) * n_cells).reshape(-1, n_cells)
    strangers = np.flatnonzero(counts[n_classes:VOID].any(axis=1)) + n_classes
    if strangers.size:
        raise BesError(
            f"metrics: the truth has label {strangers[0]}, expected 0 to {n_classes - 1}, or "
            f"{VOID} for void"
        )
    return counts[:n_classes]


def _check_same_size(predicted: tuple[int, ...], true: tuple[int, ...]) -> None:
    if predicted != true:
        raise BesError(
            f"metrics: the prediction is {predicted}, expected the size of the truth, {true}"
        )


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
