"""Confident labels: the class of each pixel, background or uncertain, from its scores (Eq. 1)."""

from collections.abc import Callable, Sequence

import numpy as np

from bes.method.hard_labels import hard_labels

UNCERTAIN_CLASS = 255


def confident_labels(
    maps: np.ndarray,
    classes: Sequence[int] | np.ndarray,
    *,
    theta_fg: float,
    theta_bg: float,
    refine: Callable[[list[np.ndarray]], Sequence[np.ndarray]],
) -> np.ndarray:
    """Keep the pixels that both a strict and a lenient threshold agree on, after refinement.

    Eq. 1 with its "additional dCRF", as published: the two thresholds give two complete label
    maps, each is refined by itself, and a pixel where only the lenient one sees an object is
    uncertain. A score equal to its threshold is background.

    Args:
        maps: (K, H, W) float scores in [0, 1] of the classes in the image; K may be 0.
        classes: K label indices in 1..254.
        theta_fg: score a class has to exceed to be foreground.
        theta_bg: score that all classes have to stay within to be background.
        refine: takes the label maps of theta_fg and theta_bg, each (H, W) int32 with 0 for
            background and i + 1 for `classes[i]`, and returns both refined, such as
            `bes.method.dense_crf.refine_all` bound to the photograph.

    Returns:
        (H, W) uint8, 0 background, label indices of `classes`, 255 uncertain.
    """
    foreground, lenient = refine([hard_labels(maps, theta) for theta in (theta_fg, theta_bg)])

    label_of = np.array([UNCERTAIN_CLASS, *classes], np.uint8)
    labels = label_of[foreground]
    labels[(foreground == 0) & (lenient == 0)] = 0
    return labels
