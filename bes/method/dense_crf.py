"""Dense CRF: labels or probabilities refined to follow the photograph (Eq. 9)."""

import functools
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

    pydensecrf: bool = False
    """Have the library pydensecrf infer, in place of `mean_field`: the same, but slower."""


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
        BesError: sizes differ, a label is out of range, or pydensecrf is asked for and missing.
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
    energies = [_unary_energy(labels, n_labels, settings.gt_prob) for labels in label_maps]
    return [p.argmax(axis=0).astype(np.uint8) for p in _infer(image, energies, settings)]


def load_inference(settings: DenseCrfSettings, *, label_maps: int, n_labels: int = 2) -> None:
    """Have the compiled code for a number of labels in memory: processes that are forked then share
    it. The very first time on a machine it is compiled.
    """
    labels = [np.array([[0, n_labels - 1]])] * label_maps
    refine_all(np.zeros((1, 2, 3), np.uint8), labels, n_labels, settings)


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
        BesError: sizes differ, or pydensecrf is asked for and missing.
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
    return _infer(image, [energy], settings)[0]


def _infer(
    image: np.ndarray, energies: list[np.ndarray], settings: DenseCrfSettings
) -> list[np.ndarray]:
    """Each (K, H * W) float32 energies -> (K, H, W) float32 probabilities."""
    infer = _infer_with_pydensecrf if settings.pydensecrf else _infer_by_mean_field
    return [p.reshape(-1, *image.shape[:2]) for p in infer(image, energies, settings)]


def _infer_by_mean_field(
    image: np.ndarray, energies: list[np.ndarray], settings: DenseCrfSettings
) -> list[np.ndarray]:
    # Numba takes half a second to import, and a machine may do without.
    from bes.method.mean_field import build_kernel, infer

    height, width = image.shape[:2]
    reach = np.array([settings.bilateral_sxy] * 2 + [settings.bilateral_srgb] * 3, np.float32)
    features = np.concatenate([_positions(height, width), image.reshape(-1, 3)], axis=1) / reach
    others = len(energies[0]) - 1
    probability = infer(
        np.concatenate([energy[0] - energy[1:] for energy in energies]).T.copy(),
        others,
        _spatial_kernel(height, width, settings.gaussian_sxy),
        settings.gaussian_compat,
        build_kernel(features),
        settings.bilateral_compat,
        settings.iterations,
    )
    maps = np.split(probability.T, len(energies))
    return [np.concatenate([1 - found.sum(axis=0, keepdims=True), found]) for found in maps]


# Photographs of one camera, or one dataset, mostly have two sizes.
@functools.lru_cache(maxsize=2)
def _spatial_kernel(height: int, width: int, sxy: float) -> Any:
    from bes.method.mean_field import build_kernel

    return build_kernel(_positions(height, width) / np.float32(sxy))


def _positions(height: int, width: int) -> np.ndarray:
    """(H * W, 2) float32: column and row of each pixel."""
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    return np.stack([columns, rows], axis=1).astype(np.float32)


def _infer_with_pydensecrf(
    image: np.ndarray, energies: list[np.ndarray], settings: DenseCrfSettings
) -> list[np.ndarray]:
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise BesError(
            "crf: found 'pydensecrf', which is not installed, expected the package pydensecrf2 or "
            "`crf: true`, which needs none"
        ) from error

    crf = DenseCRF2D(image.shape[1], image.shape[0], len(energies[0]))
    crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=settings.bilateral_sxy,
        srgb=settings.bilateral_srgb,
        # What pydensecrf takes is contiguous and may be written to.
        rgbim=np.require(image, requirements=["C", "W"]),
        compat=settings.bilateral_compat,
    )

    def infer(energy: np.ndarray) -> np.ndarray:
        crf.setUnaryEnergy(np.ascontiguousarray(energy))
        return np.array(crf.inference(settings.iterations))

    return [infer(energy) for energy in energies]


def _unary_energy(labels: np.ndarray, n_labels: int, gt_prob: float) -> np.ndarray:
    """(n_labels, H * W) float32 cost of each label, in nats."""
    right, wrong = -np.log([gt_prob, (1 - gt_prob) / (n_labels - 1)])
    agrees = labels.ravel() == np.arange(n_labels)[:, None]
    return np.where(agrees, right, wrong).astype(np.float32)
