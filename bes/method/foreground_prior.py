"""A foreground prior, or what a teacher says, in the score of the background.

This is no part of the paper. Saliency has told objects from background in this field since Wei et
al., "STC: A Simple to Complex Framework for Weakly-Supervised Semantic Segmentation" (TPAMI 2017).
Lee et al., "Railroad is not a Train: Saliency as Pseudo-pixel Supervision for Weakly Supervised
Semantic Segmentation" (EPS, CVPR 2021), hold it against localisation maps as here.
"""

from collections.abc import Sequence

import numpy as np

EVEN = 0.5
"""The probability at which foreground and background are as likely."""


def with_priors(
    scores: np.ndarray, priors: Sequence[np.ndarray], threshold: float
) -> tuple[np.ndarray, float]:
    """The mean of each class's score and of what the priors say, and that of their thresholds.

    First of the scores and of all priors that know the classes, then of that and of a prior that
    knows the foreground alone, so that half of what decides on the background comes from it; it
    leaves the order of the classes. A prior is a probability, so its threshold is 1/2: none is left
    to choose.

    Args:
        scores: (K,H,W) float32 in [0, 1], the largest of a photograph 1.
        priors: each (H,W) float32 in [0, 1]: the probability of the foreground, of whatever class;
            or (K,H,W): that of each class. There may be none.
        threshold: the score of the background, where the scores stand alone.

    Returns:
        (K,H,W) float32 in [0, 1], and the score of the background.
    """
    of_classes = [prior for prior in priors if prior.ndim == scores.ndim]
    count = 1 + len(of_classes)
    scores = sum(of_classes, start=scores) / count
    threshold = (threshold + EVEN * len(of_classes)) / count
    for foreground in (prior for prior in priors if prior.ndim < scores.ndim):
        scores, threshold = (scores + foreground) / 2, (threshold + EVEN) / 2
    return scores, threshold
