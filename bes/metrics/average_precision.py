"""Average precision of a ranking: the area under its precision-recall steps."""

import numpy as np


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mean precision at the rank of each positive; equal scores share their last rank.

    Args:
        scores: (N,) float, higher is more confident.
        positive: (N,) bool.

    Returns:
        Average precision in [0, 1], NaN without any positive. The sum over thresholds of
        (R_n - R_{n-1}) P_n, without interpolation.
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.searchsorted(-scores[order], -scores[order], side="right")
    return float((hits[last - 1] / last)[positive[order]].mean())
