"""Photographs of an export: upright JPEGs, by link where the file is one already."""

import io
import os
from pathlib import Path

from PIL import ExifTags, Image

from bes.data.images import read_bytes, read_photograph

QUALITY = 95
"""Of the JPEGs that are made, without subsampling of the colours."""


def place_photograph(source: Path, target: Path, *, copy: bool, bit_depth: int) -> None:
    """Put a photograph at `target`, whose name ends with .jpg.

    A JPEG is linked or copied as it is, whatever its own ending. A photograph in another format,
    in CMYK, or one that is only displayed upright by its EXIF rotation, which most trainers ignore
    and the labels follow, is written anew as a JPEG. Raises BesError if the file cannot be read.
    """
    if _is_upright_jpeg(source):
        place_file(source, target, copy=copy)
    else:
        content = io.BytesIO()
        photograph = Image.fromarray(read_photograph(source, bit_depth))
        photograph.save(content, "JPEG", quality=QUALITY, subsampling=0)
        target.write_bytes(content.getvalue())


def place_file(source: Path, target: Path, *, copy: bool) -> None:
    """Copy a file, or link to it by its absolute path."""
    if copy:
        target.write_bytes(read_bytes(source))
    else:
        os.symlink(source.resolve(), target)


def _is_upright_jpeg(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            if image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
                return False
            return image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    # Whatever is wrong with it, reading all of it says so in a sentence.
    except Exception:
        return False
