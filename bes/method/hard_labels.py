"""From score maps at a fraction of the photograph's size to one label a pixel."""

import cv2
import numpy as np


def upsample(maps: np.ndarray, size: tuple[int, int], *, stride: int = 4) -> np.ndarray:
    """(K,ceil(H/stride),ceil(W/stride)) float32 -> (K,H,W), bilinear.

    As published: enlarged by the whole factor, then cropped.
    """
    height, width = maps.shape[1:]
    enlarged = [
        cv2.resize(m, (width * stride, height * stride), interpolation=cv2.INTER_LINEAR)
        for m in maps
    ]
    if not enlarged:
        return np.zeros((0, *size), np.float32)
    return np.stack(enlarged)[:, : size[0], : size[1]]


def hard_labels(maps: np.ndarray, threshold: float) -> np.ndarray:
    """The class with the highest score, or background where no score exceeds the threshold.

    Args:
        maps: (K,H,W) float scores; K may be 0.
        threshold: the score of the background; a tie is background.

    Returns:
        (H,W) int32: 0 background, i + 1 for `maps[i]`.
    """
    if len(maps) == 0:
        return np.zeros(maps.shape[1:], np.int32)
    return np.where(maps.max(0) > threshold, maps.argmax(0) + 1, 0).astype(np.int32)
