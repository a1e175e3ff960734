"""Intersection over union, precision and recall of label maps, from pixel counts."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from bes.errors import BesError

VOID = 255
STRIP = 1 << 20
"""Pixels that are counted at once."""


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
        predictions, truths = prediction.ravel(), truth.ravel()
        # Label maps of photographs of 100 million pixels are counted too.
        for start in range(0, len(truths), STRIP):
            strip = slice(start, start + STRIP)
            predicted = predictions[strip].astype(np.intp)
            predicted[(predicted < 0) | (predicted >= n_classes)] = n_classes
            counts = _histogram(truths[strip], predicted, VOID + 1, n_classes + 1)
            _check_labels(np.flatnonzero(counts[:VOID].any(axis=1)), n_classes)
            self.counts += counts[:n_classes]

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        total = ConfusionMatrix(len(self.counts))
        total.counts = self.counts + other.counts
        return total

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What was counted."""
        return {"counts": self.counts}

    def add_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add what another matrix of as many classes counted."""
        self.counts += arrays["counts"]

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
    its best class and how many thresholds its best score exceeds. Memory is taken for the pairs of
    a true label and a best class that occur.
    """

    def __init__(self, n_classes: int, thresholds: Sequence[float]) -> None:
        """`thresholds` ascend."""
        if any(b <= a for a, b in itertools.pairwise(thresholds)):
            raise BesError(f"threshold curve: found {list(thresholds)}, expected ascending numbers")
        self.n_classes = n_classes
        self.thresholds = np.array(thresholds, np.float64)
        # (true label, best class) -> pixels by the number of thresholds exceeded
        self._counts: dict[tuple[int, int], np.ndarray] = {}

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
        _check_same_size(scores.shape[1:], truth.shape)
        n_levels = len(self.thresholds) + 1
        if len(scores) == 0:
            classes, cell = [0], np.zeros(truth.shape, np.intp)
        else:
            best = scores.max(axis=0)
            # A threshold is rounded to the type of the scores, as in `scores > threshold`.
            level = np.searchsorted(self.thresholds.astype(scores.dtype), best.ravel())
            cell = scores.argmax(axis=0) * n_levels + level.reshape(best.shape)
        labels = np.flatnonzero(np.bincount(truth.ravel(), minlength=VOID + 1))
        row = np.zeros(VOID + 1, np.uint8)
        row[labels] = np.arange(len(labels))
        counts = _histogram(row[truth], cell, len(labels), len(classes) * n_levels)
        labels = labels[labels != VOID]
        _check_labels(labels, self.n_classes)
        for label, of_label in zip(
            labels, counts.reshape(-1, len(classes), n_levels), strict=False
        ):
            for number, pixels in zip(classes, of_label, strict=True):
                if pixels.any():
                    self._add((int(label), min(int(number), self.n_classes)), pixels)

    def _add(self, pair: tuple[int, int], pixels: np.ndarray) -> None:
        before = self._counts.get(pair)
        self._counts[pair] = pixels.copy() if before is None else before + pixels

    def __add__(self, other: "ThresholdCurve") -> "ThresholdCurve":
        total = ThresholdCurve(self.n_classes, list(self.thresholds))
        total._counts = dict(self._counts)
        for pair, pixels in other._counts.items():
            total._add(pair, pixels)
        return total

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What was counted: `pairs` int64 (N, 2) of true label and best class, ascending, and
        `counts` int64 (N, number of thresholds + 1)."""
        pairs = sorted(self._counts)
        counts = [self._counts[pair] for pair in pairs]
        return {
            "pairs": np.array(pairs, np.int64).reshape(-1, 2),
            "counts": np.array(counts, np.int64).reshape(-1, len(self.thresholds) + 1),
        }

    def add_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add what another curve of the same thresholds counted."""
        for pair, pixels in zip(arrays["pairs"].tolist(), arrays["counts"], strict=True):
            self._add((pair[0], pair[1]), pixels)

    def confusion(self, index: int) -> ConfusionMatrix:
        """The confusion matrix at `thresholds[index]`."""
        pairs, counts = self.to_arrays().values()
        return self._confusion(pairs, counts[:, index + 1 :].sum(axis=1), counts.sum(axis=1))

    def mean_iou(self) -> np.ndarray:
        """(number of thresholds,) `ConfusionMatrix.mean_iou` at each."""
        pairs, counts = self.to_arrays().values()
        pixels = counts.sum(axis=1)
        above = pixels[:, None] - counts.cumsum(axis=1)
        return np.array([self._confusion(pairs, a, pixels).mean_iou() for a in above.T[:-1]])

    def _confusion(
        self, pairs: np.ndarray, above: np.ndarray, pixels: np.ndarray
    ) -> ConfusionMatrix:
        """Of the pixels of each pair those above the threshold are of the class, the others
        background."""
        matrix = ConfusionMatrix(self.n_classes)
        truth, best = pairs.T
        np.add.at(matrix.counts, (truth, best), above)
        np.add.at(matrix.counts[:, 0], truth, pixels - above)
        return matrix


def _histogram(truth: np.ndarray, cell: np.ndarray, n_rows: int, n_cells: int) -> np.ndarray:
    """(n_rows, n_cells) counts of the pixels by row, which is `truth`, and cell."""
    cell = cell + truth.astype(np.intp) * n_cells
    return np.bincount(cell.ravel(), minlength=n_rows * n_cells).reshape(-1, n_cells)


def _check_labels(labels: np.ndarray, n_classes: int) -> None:
    """Raises BesError for a label of the truth, void aside, that is no class."""
    strangers = labels[labels >= n_classes]
    if strangers.size:
        raise BesError(
            f"metrics: the truth has label {strangers[0]}, expected 0 to {n_classes - 1}, or "
            f"{VOID} for void"
        )


def _check_same_size(predicted: tuple[int, ...], true: tuple[int, ...]) -> None:
    if predicted != true:
        raise BesError(
            f"metrics: the prediction is {predicted}, expected the size of the truth, {true}"
        )


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
