"""`cls_labels.npy`: image -> a vector with 1 for each class, as others keep their labels."""

import io
import re

import numpy as np

from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError


def write_cls_labels(records: list[ImageRecord], catalog: Catalog, *, onehot: bool) -> bytes:
    """The bytes of `cls_labels.npy`, or with `onehot` of `cls_labels_onehot.npy`.

    A pickled dict in an npy: image -> float32 (C,), the background not counted. The images are
    numbers in the one, 2007000032 for `2007_000032`, and text in the other. Raises BesError for an
    image whose name is no number.
    """
    table: dict[int | str, np.ndarray] = {}
    for record in records:
        vector = np.zeros(len(catalog.classes), np.float32)
        vector[[index - 1 for index in catalog.indices(record)]] = 1
        if not onehot and not re.fullmatch(r"20\d\d_\d{6}", record.id, re.ASCII):
            raise BesError(f"found the image {record.id!r}, expected a number such as 2007_000032")
        table[record.id if onehot else int(record.id.replace("_", ""))] = vector
    content = io.BytesIO()
    np.save(content, np.array(table, dtype=object), allow_pickle=True)
    return content.getvalue()
