"""Masks in the label indices of the dataset."""

from pathlib import Path

import numpy as np

from bes.data.images import read_mask
from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError

VOID = 255


def read_truth(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """The mask of a photograph: uint8 (H, W), 0 background, 1..C the classes, 255 void.

    Raises BesError if the mask is missing, damaged, of another size than the photograph, or holds
    a value that stands for no class.
    """
    return _read(catalog, record, record.mask)


def read_correction(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """The corrected label of a photograph, as `read_truth`."""
    return _read(catalog, record, record.correction)


def _read(catalog: Catalog, record: ImageRecord, file: str) -> np.ndarray:
    path = catalog.root / file
    mask = read_mask(path)
    if mask.shape != (record.height, record.width):
        raise BesError(
            f"{path}: a mask of {mask.shape[1]}x{mask.shape[0]} pixels, expected the "
            f"{record.width}x{record.height} of the photograph"
        )
    return to_indices(mask, catalog.mask_values, path)


def to_indices(mask: np.ndarray, mask_values: tuple[int, ...], path: Path) -> np.ndarray:
    """A mask of a file, uint8 (H, W), in label indices; `path` only names it in errors.

    Raises BesError for a value that is neither 0, 255 nor one of `mask_values`.
    """
    index = np.full(256, -1, np.int16)
    index[[0, VOID]] = 0, VOID
    index[list(mask_values)] = np.arange(1, len(mask_values) + 1)
    labels = index[mask]
    if (labels < 0).any():
        raise BesError(
            f"{path}: found the mask value {mask[labels < 0].min()}, expected 0, 255 or the "
            f"value of a class: {', '.join(map(str, mask_values))}"
        )
    return labels.astype(np.uint8)
