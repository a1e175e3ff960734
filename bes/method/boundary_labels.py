"""Boundary labels synthesised from confident labels by counting classes in a window (Eq. 2-3)."""

from enum import IntEnum

import cv2
import numpy as np

from bes.errors import BesError
from bes.method.confident_labels import UNCERTAIN_CLASS


class BoundaryLabel(IntEnum):
    """What a pixel teaches BENet; the values are spread out so that the PNG can be looked at."""

    BACKGROUND = 0
    FOREGROUND = 50
    BOUNDARY_FG_FG = 100
    BOUNDARY_FG_BG = 150
    UNCERTAIN = 200


def synthesize_boundary_labels(
    confident: np.ndarray,
    *,
    window: int,
    theta_scale: float,
    theta_diff: float,
    foreground_pairs: bool,
) -> np.ndarray:
    """Label as boundary the pixels whose window holds about as much of one class as of another.

    Label 0 of Eq. 3 cannot be reached as printed (two proportions over 2 * theta_scale at once);
    here, as published, the larger proportion alone has to exceed it.

    Args:
        confident: (H, W) uint8, 0 background, 1..254 classes, 255 uncertain (Eq. 1).
        window: side w of the square window in pixels, odd.
        theta_scale: proportion of the window that both sides of a boundary have to exceed.
        theta_diff: difference of proportions below which two classes balance.
        foreground_pairs: also label boundaries between two foreground classes. The paper has
            only those between foreground and background; the published code has both.

    Returns:
        (H, W) uint8 of `BoundaryLabel` values.

    Raises:
        BesError: the window is not a positive odd number.
    """
    if window < 1 or window % 2 == 0:
        raise BesError(
            f"boundary labels: window is {window}, expected an odd number of pixels so that it "
            "has a centre"
        )

    pixels = _pixels_in_window(confident.shape, window)

    def proportion(label: int) -> np.ndarray:
        """Eq. 2, but over the part of the window inside the image."""
        members = (confident == label).view(np.uint8)
        # Sums of a uint8 image are integers, so the counts are exact.
        counts = cv2.boxFilter(
            members, cv2.CV_32F, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        return counts / pixels

    background = proportion(0)
    first = np.zeros_like(background)
    second = np.zeros_like(background)
    for label in np.unique(confident):
        if label not in (0, UNCERTAIN_CLASS):
            share = proportion(label)
            second = np.maximum(second, np.minimum(first, share))
            first = np.maximum(first, share)

    lead = first - background
    labels = np.full(confident.shape, BoundaryLabel.UNCERTAIN, np.uint8)
    labels[(background > 2 * theta_scale) & (lead <= -2 * theta_diff)] = BoundaryLabel.BACKGROUND
    labels[(first > 2 * theta_scale) & (lead >= 2 * theta_diff)] = BoundaryLabel.FOREGROUND
    balanced = (np.minimum(first, background) > theta_scale) & (np.abs(lead) < theta_diff)
    labels[balanced] = BoundaryLabel.BOUNDARY_FG_BG
    if foreground_pairs:
        balanced = (second > theta_scale) & (first - second < theta_diff)
        labels[balanced] = BoundaryLabel.BOUNDARY_FG_FG
    return labels


def _pixels_in_window(shape: tuple[int, int], window: int) -> np.ndarray:
    """(H, W) float32 counts of the image pixels in the window centred at each pixel."""
    reach = window // 2
    rows, columns = (
        np.minimum(np.arange(n) + reach, n - 1) - np.maximum(np.arange(n) - reach, 0) + 1
        for n in shape
    )
    return np.outer(rows, columns).astype(np.float32)
