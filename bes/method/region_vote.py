"""A vote of the pixels of each segment on one label.

This is no part of the paper. Voting within superpixels is old (Kwak et al., "Weakly Supervised
Semantic Segmentation Using Superpixel Pooling Network", AAAI 2017); with segments of SAM it is Chen
et al., "Segment Anything Model (SAM) Enhanced Pseudo Labels for Weakly Supervised Semantic
Segmentation" (2023). There shares of labelled pixels are compared, here mean scores.
"""

import numpy as np


def mean_of_regions(scores: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Scores in which each pixel has the mean of its segment: all of it gets one label then.

    A segment is background where none of its mean scores exceeds the threshold, which is the
    background's score at each of its pixels.

    Args:
        scores: (K,H,W) float.
        regions: (H,W) integers from 0: the segment of each pixel; 0 is none, its pixels keep their
            scores.

    Returns:
        (K,H,W) float32.
    """
    flat = regions.ravel()
    counts = np.maximum(np.bincount(flat), 1)
    voted = [
        np.where(regions > 0, (np.bincount(flat, each.ravel()) / counts)[regions], each)
        for each in scores
    ]
    return np.stack(voted).astype(np.float32) if voted else scores.astype(np.float32)
