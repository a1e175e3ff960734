"""Mean-field inference of a dense CRF with two Gaussian kernels and the Potts model (Eq. 9).

Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials",
NIPS 2011, Algorithm 1, with kernels that are normalised symmetrically. As the probabilities of a
pixel sum to 1, all but those of label 0 are filtered: one channel for two labels.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bes.method.permutohedral_lattice import (
    Lattice,
    blur,
    compiled,
    lattice_builder,
    slice_at,
    splat,
)

SPATIAL, BILATERAL = 2, 5
"""Features of the two kernels."""
CHANNELS = (*range(1, 9), *range(12, 513, 4))
"""Numbers of channels that there is code for; others are filled up with zeros. Two maps of 255
labels have 508."""


class Kernel(NamedTuple):
    """A Gaussian kernel between all pairs of N pixels."""

    lattice: Lattice
    scale: np.ndarray
    """(N,) float32: what values are multiplied by before and after the filter, so that pixels with
    many others like them are not pulled more."""
    ones: np.ndarray
    """(N,) float32: what the kernel makes of 1 everywhere."""


def build_kernel(features: np.ndarray) -> Kernel:
    """The kernel of (N, D) float32 features, in units of its standard deviations."""
    lattice = lattice_builder(features.shape[1])(features)
    filtered = _single_filter(features.shape[1])
    scale = 1 / np.sqrt(filtered(lattice, np.ones(len(features), np.float32)) + np.float32(1e-20))
    return Kernel(lattice, scale, scale * filtered(lattice, scale))


@functools.cache
def _single_filter(d: int) -> Callable[[Lattice, np.ndarray], np.ndarray]:
    axes, single = (0,) * (d + 1), (0,)

    @compiled(d)
    def filtered(lattice, values):
        onto = np.zeros((lattice.neighbours.shape[1], 1), np.float32)
        for point in range(len(values)):
            splat(lattice, point, values[point : point + 1], onto, axes, single)
        onto, _ = blur(lattice, onto, np.zeros_like(onto), axes, single)
        result = np.empty_like(values)
        for point in range(len(values)):
            slice_at(lattice, point, onto, result[point : point + 1], axes, single)
        return result

    return filtered


def infer(
    log_odds: np.ndarray,
    others: int,
    spatial: Kernel,
    spatial_compat: float,
    bilateral: Kernel,
    bilateral_compat: float,
    iterations: int,
) -> np.ndarray:
    """Probabilities of all labels but the first.

    Args:
        log_odds: (N, maps x others) float32: the unary energy of label 0 less that of each other
            label, in nats; several label maps of one photograph lie side by side.
        others: labels beside label 0.
        spatial, bilateral: the kernels.
        spatial_compat, bilateral_compat: their weights, in nats.
        iterations: mean-field updates.

    Returns:
        (N, maps x others) float32.
    """
    channels = log_odds.shape[1]
    run = _inference(next(number for number in CHANNELS if number >= channels))
    compats = np.float32(spatial_compat), np.float32(bilateral_compat)
    return run(log_odds, others, spatial, compats[0], bilateral, compats[1], iterations)


@functools.cache
def _inference(channels: int) -> Callable[..., np.ndarray]:
    axes1, axes2 = (0,) * (SPATIAL + 1), (0,) * (BILATERAL + 1)
    filled = (0,) * channels

    @compiled(channels)
    def run(log_odds, others, first, compat1, second, compat2, iterations):
        count = log_odds.shape[1]
        values1 = np.zeros((first.lattice.neighbours.shape[1], channels), np.float32)
        values2 = np.zeros((second.lattice.neighbours.shape[1], channels), np.float32)
        next1, next2 = np.zeros_like(values1), np.zeros_like(values2)
        message1, message2 = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        logit = np.empty(count, np.float32)
        probability = np.empty_like(log_odds)
        for iteration in range(iterations + 1):
            if iteration:
                values1, next1 = blur(first.lattice, values1, next1, axes1, filled)
                values2, next2 = blur(second.lattice, values2, next2, axes2, filled)
                next1[:] = 0
                next2[:] = 0
            for point in range(len(log_odds)):
                scale1, scale2 = first.scale[point], second.scale[point]
                for c in range(count):
                    logit[c] = log_odds[point, c]
                if iteration:
                    slice_at(first.lattice, point, values1, message1, axes1, filled)
                    slice_at(second.lattice, point, values2, message2, axes2, filled)
                    ones = compat1 * first.ones[point] + compat2 * second.ones[point]
                    for c in range(count):
                        message1[c] = (
                            compat1 * scale1 * message1[c] + compat2 * scale2 * message2[c]
                        )
                    for start in range(0, count, others):
                        # Of label 0: what is left of the kernels' 1.
                        rest = ones
                        for c in range(start, start + others):
                            rest -= message1[c]
                        for c in range(start, start + others):
                            logit[c] += message1[c] - rest
                for start in range(0, count, others):
                    if others == 1:
                        logit[start] = 1 / (1 + np.exp(-logit[start]))
                        continue
                    highest = np.float32(0)
                    for c in range(start, start + others):
                        highest = max(highest, logit[c])
                    total = np.exp(-highest)
                    for c in range(start, start + others):
                        logit[c] = np.exp(logit[c] - highest)
                        total += logit[c]
                    for c in range(start, start + others):
                        logit[c] /= total
                if iteration == iterations:
                    for c in range(count):
                        probability[point, c] = logit[c]
                    continue
                for c in range(count):
                    message1[c] = scale1 * logit[c]
                    message2[c] = scale2 * logit[c]
                splat(first.lattice, point, message1, next1, axes1, filled)
                splat(second.lattice, point, message2, next2, axes2, filled)
            values1, next1 = next1, values1
            values2, next2 = next2, values2
        return probability

    return run
