"""Scores of a photograph stretched so that 1/2 is where they best split it in two.

This is no part of the paper. Otsu, "A Threshold Selection Method from Gray-Level Histograms" (IEEE
Transactions on Systems, Man, and Cybernetics, 1979).
"""

import cv2
import numpy as np

LEVELS = 255
"""The highest level; OpenCV's method takes 8-bit pictures."""


def split_at_half(scores: np.ndarray) -> np.ndarray:
    """Scores whose highest at each pixel falls into two parts at 1/2, by Otsu's method.

    One threshold for all photographs asks for scores that are alike in all of them, which those of
    a network that learnt from few photographs are not.

    Args:
        scores: (K,H,W) float in [0, 1]; K may be 0.

    Returns:
        (K,H,W) of the same type, a rising function of the scores, the same for all classes and
        pixels: 0 and 1 stay, Otsu's threshold becomes 1/2. Scores that do not differ stay.
    """
    if not len(scores):
        return scores
    highest = np.rint(scores.max(0) * LEVELS).astype(np.uint8)
    if highest.min() == highest.max():
        return scores
    threshold, _ = cv2.threshold(highest, 0, LEVELS, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # Levels above it are one part; a score is rounded to the nearest level.
    level = (threshold + 0.5) / LEVELS
    return np.interp(scores, [0.0, level, 1.0], [0.0, 0.5, 1.0]).astype(scores.dtype)
