"""Photographs at the size that they are computed at, and labels between that and the full size."""

import numpy as np
from PIL import Image

from bes.data.images import read_photograph
from bes.data.manifest import Catalog, ImageRecord


def read_reduced(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """A photograph at its working size: uint8 (h, w, 3), RGB, reduced bicubically with antialiasing
    where it has more pixels than `max_pixels`.

    Raises BesError as `read_photograph` does.
    """
    photo = read_photograph(catalog.root / record.path, catalog.bit_depth)
    return reduce_to(photo, catalog.working_size(record))


def reduce_to(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A photograph, uint8 (H, W, 3), at a smaller (height, width), as `read_reduced` reduces it."""
    if photo.shape[:2] == size:
        return photo
    reduced = Image.fromarray(photo).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.array(reduced)


def resize_labels(labels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Labels, uint8 (H, W), at another (height, width), nearest neighbour."""
    if labels.shape == tuple(size):
        return labels
    resized = Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.array(resized)
