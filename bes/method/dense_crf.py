"""Dense CRF: labels or probabilities refined to follow the photograph (Eq. 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bes.errors import BesError


@dataclass(frozen=True)
class DenseCrfSettings:
    """The two Gaussian kernels of Eq. 9, read as Krähenbühl and Koltun define them.

    Eq. 9 misses the squares of its bilateral term and swaps the names of its two weights.
    """

    gaussian_sxy: float = 3
    """Reach of the smoothness kernel (theta_gamma), in pixels."""

    gaussian_compat: float = 3
    """Weight of the smoothness kernel: cost of two labels that differ, in nats."""

    bilateral_sxy: float = 50
    """Reach of the appearance kernel in the image (theta_alpha), in pixels."""

    bilateral_srgb: float = 5
    """Reach of the appearance kernel in colour (theta_beta), in 8-bit levels."""

    bilateral_compat: float = 10
    """Weight of the appearance kernel: cost of two labels that differ, in nats."""

    iterations: int = 10
    """Number of mean-field updates."""

    gt_prob: float = 0.7
    """Probability that a label given is right, in (0, 1); all others share the rest."""


def refine(
    image: np.ndarray, labels: np.ndarray, n_labels: int, settings: DenseCrfSettings
) -> np.ndarray:
    """Refine one label map.

    Args:
        image: (H, W, 3) uint8, RGB.
        labels: (H, W) integers in [0, n_labels), without gaps for uncertain pixels. Pass the
            labels present renumbered: the more there are, the less each wrong one is believed.
        n_labels: number of labels. With one there is nothing to decide and the labels come back.
        settings: kernels, updates and trust in the labels.

    Returns:
        (H, W) uint8 in [0, n_labels).

    Raises:
        BesError: sizes differ, a label is out of range, or pydensecrf2 is not installed.
    """
    return refine_all(image, [labels], n_labels, settings)[0]


def refine_all(
    image: np.ndarray,
    label_maps: Sequence[np.ndarray],
    n_labels: int,
    settings: DenseCrfSettings,
) -> list[np.ndarray]:
    """Refine several label maps of one image as `refine` does, building its kernels once."""
    height, width = image.shape[:2]
    for labels in label_maps:
        if labels.shape != (height, width):
            raise BesError(
                f"dense CRF: the labels are {labels.shape[0]}x{labels.shape[1]}, expected the "
                f"size of the photograph, {height}x{width}"
            )
        if labels.min() < 0 or labels.max() >= n_labels:
            raise BesError(
                f"dense CRF: found labels from {labels.min()} to {labels.max()}, expected 0 to "
                f"{n_labels - 1}"
            )
    if n_labels == 1:
        return [labels.astype(np.uint8) for labels in label_maps]
    crf = _lattice(image, n_labels, settings)
    return [
        _infer(crf, _unary_energy(labels, n_labels, settings.gt_prob), settings, image)
        .argmax(axis=0)
        .astype(np.uint8)
        for labels in label_maps
    ]


def refine_probabilities(
    image: np.ndarray, probability: np.ndarray, settings: DenseCrfSettings
) -> np.ndarray:
    """Refine the probabilities that a network gives; `settings.gt_prob` is of no use here.

    Args:
        image: (H, W, 3) uint8, RGB.
        probability: (K, H, W) float in [0, 1], K >= 1. They need not sum to 1.
        settings: kernels and updates.

    Returns:
        (K, H, W) float32 that sum to 1 in each pixel; with one label, all 1.

    Raises:
        BesError: sizes differ, or pydensecrf2 is not installed.
    """
    if probability.shape[1:] != image.shape[:2]:
        raise BesError(
            f"dense CRF: the probabilities are {probability.shape[1]}x{probability.shape[2]}, "
            f"expected the size of the photograph, {image.shape[0]}x{image.shape[1]}"
        )
    n_labels = len(probability)
    if n_labels == 1:
        return np.ones_like(probability, np.float32)
    energy = -np.log(np.clip(probability, 1e-5, 1).reshape(n_labels, -1)).astype(np.float32)
    return _infer(_lattice(image, n_labels, settings), energy, settings, image)


def _lattice(image: np.ndarray, n_labels: int, settings: DenseCrfSettings) -> Any:
    """A CRF with both kernels of an image, without unary energies."""
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise BesError(
            "dense CRF: the module pydensecrf was not found, expected the package pydensecrf2 "
            "to be installed"
        ) from error

    crf = DenseCRF2D(image.shape[1], image.shape[0], n_labels)
    crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=settings.bilateral_sxy,
        srgb=settings.bilateral_srgb,
        # What pydensecrf takes is contiguous and may be written to.
        rgbim=np.require(image, requirements=["C", "W"]),
        compat=settings.bilateral_compat,
    )
    return crf


def _infer(
    crf: Any, energy: np.ndarray, settings: DenseCrfSettings, image: np.ndarray
) -> np.ndarray:
    """(K, H * W) energies -> (K, H, W) float32 probabilities."""
    crf.setUnaryEnergy(np.ascontiguousarray(energy))
    probability = np.asarray(crf.inference(settings.iterations))
    return probability.reshape(-1, *image.shape[:2])


def _unary_energy(labels: np.ndarray, n_labels: int, gt_prob: float) -> np.ndarray:
    """(n_labels, H * W) float32 cost of each label, in nats."""
    right, wrong = -np.log([gt_prob, (1 - gt_prob) / (n_labels - 1)])
    agrees = labels.ravel() == np.arange(n_labels)[:, None]
    return np.where(agrees, right, wrong).astype(np.float32)
