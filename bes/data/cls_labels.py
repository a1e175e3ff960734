"""`cls_labels.npy`: image -> a vector with 1 for each class, as other projects keep their labels.

The file is a pickle, which is read without running it.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.data.manifest import Catalog, ImageRecord
from bes.data.pickled_arrays import read_pickled
from bes.errors import BesError

if TYPE_CHECKING:
    import numpy as np

_VOC_NUMBER = re.compile(r"(20(?:07|08|09|10|11|12))(\d{6})")
_VOC_ID = re.compile(r"(20(?:07|08|09|10|11|12))_(\d{6})")


def read_cls_labels(path: Path, order: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each image with the names of its classes; `order` names those of the vectors.

    A number that VOC's identifiers are written as, 2007000032, is the image `2007_000032`. Raises
    BesError if the file is not such a table, or asks for anything to be called.
    """
    for key, vector in _read(path).items():
        number = _VOC_NUMBER.fullmatch(str(key))
        image = f"{number[1]}_{number[2]}" if number and isinstance(key, int) else str(key)
        if vector.shape != (len(order),):
            raise BesError(
                f"{path}: key {key}: found a vector of {'x'.join(map(str, vector.shape))} values, "
                f"expected {len(order)}, one for each class; name the classes in the order of the "
                "vector with dataset.classes"
            )
        if strange := set(vector.tolist()) - {0, 1}:
            raise BesError(f"{path}: key {key}: found the value {min(strange)}, expected 0 and 1")
        yield image, tuple(name for name, value in zip(order, vector, strict=True) if value)


def write_cls_labels(records: list[ImageRecord], catalog: Catalog, *, onehot: bool) -> bytes:
    """The bytes of `cls_labels.npy`, or with `onehot` of `cls_labels_onehot.npy`.

    A pickled dict in an npy: image -> float32 (C,), in the order of `classes.json`, the background
    not counted. The images are numbers in the one, 2007000032 for `2007_000032`, and text in the
    other. Raises BesError for an image whose name is no number.
    """
    import numpy as np

    table: dict[int | str, np.ndarray] = {}
    for record in records:
        vector = np.zeros(len(catalog.classes), np.float32)
        vector[[index - 1 for index in catalog.indices(record)]] = 1
        table[record.id if onehot else _number_of(record.id)] = vector
    content = io.BytesIO()
    np.save(content, np.array(table, dtype=object), allow_pickle=True)
    return content.getvalue()


def _number_of(image: str) -> int:
    if voc := _VOC_ID.fullmatch(image):
        return int(voc[1] + voc[2])
    # A number that reads back as another image would be worse than none.
    plain = image.isascii() and image.isdigit() and str(int(image)) == image
    if plain and not _VOC_NUMBER.fullmatch(image):
        return int(image)
    raise BesError(
        f"cls_labels.npy: found the image {image!r}, expected a number, or VOC's 2007_000032; "
        "cls_labels_onehot.npy takes any name"
    )


def _read(path: Path) -> dict[int | str, "np.ndarray"]:
    from bes.data.images import read_bytes

    return read_pickled(
        read_bytes(path),
        path,
        what="a cls_labels.npy",
        expected="dict of NumPy vectors",
        check=_check,
    )


def _check(table: Any) -> None:
    """Raises ValueError for anything but images and vectors."""
    import numpy as np

    for key, value in dict(table).items():
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise ValueError(f"the key {key!r}")
        if not isinstance(value, np.ndarray):
            raise ValueError(f"a value of type {type(value).__name__}")
