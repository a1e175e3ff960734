"""Masks as PNGs: in the colours of a `labelmap.txt`, as CVAT and datumaro write them, or with
label indices."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bes.data.file_names import files_below, suffix_of
from bes.data.images import decode_mask, read_bytes, read_photograph
from bes.data.names import clean
from bes.data.text_files import read_lines
from bes.data.truth import check_indices
from bes.errors import BesError
from bes.exchange.drawing import Drawing, Names, Size, check_size, index_of
from bes.export.tools.cvat import LABELS, LISTS


def read_coloured(table: Path, names: Names) -> Iterator[Drawing]:
    """The PNGs in `SegmentationClass` beside a `labelmap.txt`. A photograph that a list beside them
    names and that has no PNG is background: where nothing was drawn, CVAT writes none.

    Raises BesError for a table that is none or has a class that there is not.
    """
    colours = _read_table(table, names)
    folder = table.parent / LABELS
    below = [path for path, _ in files_below(folder, ".")] if folder.is_dir() else []
    # A list and a file system may have an accent in two codings.
    files = {clean(path[:-4]): folder / path for path in below if suffix_of(path) == ".png"}
    for name, path in files.items():

        def draw(size: Size, path: Path = path) -> np.ndarray:
            return _to_indices(read_photograph(path), colours, size)

        yield Drawing(str(path), Path(name).name, draw)
    for source in sorted((table.parent / LISTS).glob("*.txt")):
        for name in (clean(line) for line in read_lines(source, "a list of photographs")):
            if name and not name.startswith("#") and name not in files:
                yield Drawing(f"{source}: {name}", name, lambda size: np.zeros(size, np.uint8))


def read_indexed(files: list[Path], classes: tuple[str, ...]) -> Iterator[Drawing]:
    """PNGs with the label indices of the dataset."""
    for path in files:

        def draw(size: Size, path: Path = path) -> np.ndarray:
            labels = decode_mask(read_bytes(path), path)
            check_size(labels.shape, size)
            check_indices(labels, classes, path)
            return labels

        yield Drawing(str(path), path.name, draw)


def _read_table(path: Path, names: Names) -> dict[int, int]:
    """Colour as one number -> label index."""
    found: dict[int, int] = {}
    for number, line in enumerate(read_lines(path, "a list of colours"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.strip().split(":")
        try:
            red, green, blue = (int(value) for value in rest[0].split(","))
            if not all(0 <= value <= 255 for value in (red, green, blue)):
                raise ValueError
        except (IndexError, ValueError):
            raise BesError(
                f"{path}: line {number}: found {line.strip()!r}, expected `name:red,green,blue::`"
            ) from None
        try:
            index = index_of(name, names)
        except BesError as error:
            raise BesError(f"{path}: line {number}: {error}") from None
        colour = red << 16 | green << 8 | blue
        if found.setdefault(colour, index) != index:
            raise BesError(
                f"{path}: line {number}: found {name!r} in a colour that another class has, "
                "expected one of its own"
            )
    return found


def _to_indices(pixels: np.ndarray, colours: dict[int, int], size: Size) -> np.ndarray:
    check_size(pixels.shape[:2], size)
    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    values, place = np.unique(packed, return_inverse=True)
    for value in values.tolist():
        if value not in colours:
            colour = value >> 16, value >> 8 & 255, value & 255
            raise BesError(f"found the colour {colour}, expected one of those in labelmap.txt")
    return np.array([colours[value] for value in values.tolist()], np.uint8)[place].reshape(size)
