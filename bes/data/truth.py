"""Labels that people drew, in the label indices of the dataset."""

from pathlib import Path

import numpy as np

from bes.data.images import read_mask
from bes.data.manifest import VOID, Catalog, ImageRecord
from bes.errors import BesError


def read_truth(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """The mask of a photograph: uint8 (H, W), 0 background, 1..C the classes, 255 void.

    Raises BesError if the mask is missing, damaged, of another size than the photograph, or holds
    a value that stands for no class.
    """
    mask = _read(catalog, record, record.mask)
    return to_indices(mask, catalog.mask_values, catalog.root / record.mask)


def read_correction(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """The corrected label of a photograph, as `read_truth`; its file has the label indices."""
    labels = _read(catalog, record, record.correction)
    check_indices(labels, catalog.classes, catalog.root / record.correction)
    return labels


def _read(catalog: Catalog, record: ImageRecord, file: str) -> np.ndarray:
    path = catalog.root / file
    mask = read_mask(path)
    if mask.shape != (record.height, record.width):
        raise BesError(
            f"{path}: a mask of {mask.shape[1]}x{mask.shape[0]} pixels, expected the "
            f"{record.width}x{record.height} of the photograph"
        )
    return mask


class UnknownMaskValue(BesError):
    """A mask holds a value that stands for no class."""


def to_indices(mask: np.ndarray, mask_values: tuple[int, ...], path: Path) -> np.ndarray:
    """A mask of a file, uint8 (H, W), in label indices; `path` only names it in errors.

    Raises UnknownMaskValue for a value that is neither 0, 255 nor one of `mask_values`.
    """
    index = np.full(256, -1, np.int16)
    index[[0, VOID]] = 0, VOID
    index[list(mask_values)] = np.arange(1, len(mask_values) + 1)
    labels = index[mask]
    if (labels < 0).any():
        raise UnknownMaskValue(
            f"{path}: found the mask value {mask[labels < 0].min()}, expected 0, 255 or the "
            f"value of a class: {', '.join(map(str, mask_values))}"
        )
    return labels.astype(np.uint8)


def check_indices(labels: np.ndarray, classes: tuple[str, ...], path: Path) -> None:
    """Raises BesError for a value of labels, uint8 (H, W), that is neither 0, 255 nor the index of
    a class; `path` only names them."""
    highest = labels[labels != VOID].max(initial=0)
    if highest > len(classes):
        expected = ", ".join(f"{index} {name}" for index, name in enumerate(classes, 1))
        raise BesError(
            f"{path}: found the label {highest}, expected 0, 255 or the number that a class has in "
            f"pseudo labels: {expected}"
        )
