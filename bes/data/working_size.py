"""Photographs at the size that they are computed at, and labels between that and the full size."""

import functools
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from bes.data.images import read_photograph
from bes.data.manifest import Catalog, ImageRecord
from bes.storage.code_digest import code_digest
from bes.storage.memo import digest_of
from bes.storage.sealed import cached


def read_reduced(catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """A photograph at its working size: uint8 (h, w, 3), RGB, reduced bicubically with antialiasing
    where it has more pixels than `max_pixels`.

    One that is reduced is kept, as it takes a hundred times as long to decode it whole. Raises
    BesError as `read_photograph` does.
    """
    size = catalog.working_size(record)

    def read() -> np.ndarray:
        photo = read_photograph(catalog.root / record.path, catalog.bit_depth)
        return reduce_to(photo, size)

    file = cached_photograph(catalog, record)
    if file is None:
        return read()
    pixels = cached(file, lambda: read().tobytes())
    return np.frombuffer(pixels, np.uint8).reshape(*size, 3).copy()


def cached_photograph(catalog: Catalog, record: ImageRecord) -> Path | None:
    """Where a photograph is kept that is reduced: its pixels as they are. The name has all that
    they follow from."""
    height, width = catalog.working_size(record)
    if catalog.cache is None or (height, width) == (record.height, record.width):
        return None
    how = digest_of([catalog.bit_depth, *_reading()])
    return catalog.cache / f"{record.digest}_{width}x{height}_{how}.rgb"


@functools.cache
def _reading() -> tuple[str, str]:
    """What decodes and reduces photographs."""
    return code_digest(__name__), PIL.__version__


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
