"""The IoU of one photograph."""

from collections.abc import Sequence

import numpy as np

from bes.metrics.iou import ConfusionMatrix
from bes.report.measures import BACKGROUND


def score_labels(
    labels: np.ndarray, truth: np.ndarray | None, classes: Sequence[str]
) -> tuple[float | None, dict[str, float]]:
    """mIoU of one photograph and IoU by name, in percent.

    Args:
        labels: (H,W) uint8 label indices.
        truth: (H,W) uint8 label indices, 255 void; None without a mask.
        classes: names in index order, without the background.
    """
    if truth is None:
        return None, {}
    matrix = ConfusionMatrix(len(classes) + 1)
    matrix.update(labels, truth)
    iou = {
        name: round(100 * float(value), 2)
        for name, value in zip([BACKGROUND, *classes], matrix.iou(), strict=True)
        if not np.isnan(value)
    }
    return (round(100 * matrix.mean_iou(), 2) if iou else None), iou
