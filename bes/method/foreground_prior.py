"""A foreground prior, or what a teacher says, in the score of the background.

This is no part of the paper. Saliency has told objects from background in this field since Wei et
al., "STC: A Simple to Complex Framework for Weakly-Supervised Semantic Segmentation" (TPAMI 2017).
Lee et al., "Railroad is not a Train: Saliency as Pseudo-pixel Supervision for Weakly Supervised
Semantic Segmentation" (EPS, CVPR 2021), hold it against localisation maps as here.
"""

from collections.abc import Sequence

import numpy as np

from bes.method.hard_labels import hard_labels

EVEN = 0.5
"""The probability at which foreground and background are as likely."""


def with_priors(
    scores: np.ndarray, priors: Sequence[np.ndarray], threshold: float
) -> tuple[np.ndarray, float]:
    """The mean of each class's score and of what the priors say, and that of their thresholds.

    First of the scores and of all priors that know the classes, then of that and of a prior that
    knows the foreground alone, so that half of what decides on the background comes from it; it
    leaves the order of the classes. A prior is a probability, so its threshold is 1/2: none is left
    to choose. Where other priors know the classes, that of the foreground counts less for a class
    that it misses (`_as_far_as_it_sees`); the scores alone are too often wrong to tell.

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
        if of_classes:
            foreground = _as_far_as_it_sees(foreground, scores, threshold)
        scores, threshold = (scores + foreground) / 2, (threshold + EVEN) / 2
    return scores, threshold


def _as_far_as_it_sees(prior: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """A foreground prior (H,W) that gives way to the scores where they show a class that it misses.

    A network for salient objects sees the most salient of several. For a class the prior counts as
    much as the root mean square of what it says on the pixels of that class; the rest is what the
    scores say, as a probability that is 1/2 at their threshold.
    """
    if len(scores) == 0:
        return prior
    labels, best, top = hard_labels(scores, threshold), scores.argmax(0), scores.max(0)
    seen = np.ones_like(prior)
    for k in range(len(scores)):
        if (region := labels == k + 1).any():
            seen[best == k] = np.sqrt(np.square(prior[region]).mean())
    return seen * prior + (1 - seen) * np.clip(top - threshold + EVEN, 0, 1)
