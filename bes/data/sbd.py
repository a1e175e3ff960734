"""SBD, the Semantic Boundaries Dataset: masks and boundaries of VOC's photographs, as MAT-files."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from bes.data.images import read_bytes
from bes.errors import BesError

N_CLASSES = 20


def read_segmentation(path: Path) -> np.ndarray:
    """The mask of a `cls/*.mat`: uint8 (H, W), 0 background, 1..20 VOC's classes; there is no void.

    Raises BesError if the file is missing, damaged or no such file.
    """
    mask = _read(path, lambda truth: np.asarray(truth["Segmentation"], np.uint8))
    if mask.ndim != 2 or mask.max(initial=0) > N_CLASSES:
        raise BesError(
            f"{path}: found a mask of shape {mask.shape} with values to {mask.max(initial=0)}, "
            f"expected two dimensions and values to {N_CLASSES}"
        )
    return mask


def read_boundaries(path: Path) -> np.ndarray:
    """The boundaries of a `cls/*.mat`, of all classes together: bool (H, W).

    Raises BesError if the file is missing, damaged or no such file.
    """

    def union(truth: Any) -> np.ndarray:
        # A cell array of one sparse matrix for each class.
        layers = [cell.toarray() != 0 for cell in np.ravel(truth["Boundaries"])]
        if len(layers) != N_CLASSES:
            raise ValueError(f"found boundaries of {len(layers)} classes, not {N_CLASSES}")
        return np.logical_or.reduce(layers)

    return _read(path, union)


def _read(path: Path, take: Callable[[Any], np.ndarray]) -> np.ndarray:
    """What `take` gives of the structure GTcls."""
    content = io.BytesIO(read_bytes(path))
    try:
        return take(scipy.io.loadmat(content)["GTcls"][0, 0])
    except Exception as error:  # a damaged file makes scipy raise almost anything
        raise BesError(f"{path}: not one of SBD's cls/*.mat ({error})") from None
