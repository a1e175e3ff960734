"""Which pixel value a class has in an exported label, and what all the values are called."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bes.data.folder import BACKGROUND, VOC_CLASSES
from bes.data.manifest import Catalog
from bes.data.truth import VOID


@dataclass(frozen=True)
class LabelValues:
    """The pixel values of an export; the labels of training and validation share them."""

    names: tuple[str, ...]
    """What each value from 0 on is called; a network needs as many outputs."""
    of_index: tuple[int, ...]
    """Label index, from 0, the background, on -> pixel value."""
    as_in_masks: bool
    """The mask files of the dataset have these values already."""

    def apply(self, indices: np.ndarray) -> np.ndarray:
        """Label indices, uint8 (H, W), 255 void -> pixel values, uint8 (H, W), 255 void.

        Raises IndexError for an index that stands for no class.
        """
        if indices[indices != VOID].max(initial=0) >= len(self.of_index):
            raise IndexError(f"found the label index {indices[indices != VOID].max()}")
        table = np.full(256, VOID, np.uint8)
        table[: len(self.of_index)] = self.of_index
        return table[indices]


def label_values(catalog: Catalog, kind: Literal["mask", "index"]) -> LabelValues:
    """`mask`: the values that the mask files have. `index`: 1, 2, 3... in the order of the classes.

    With `mask`, a dataset of some classes of PASCAL VOC with VOC's values has all 21 names, so that
    trainers made for VOC, and VOC's own masks, fit as they are. Other values that no class has are
    called `unused-7`.
    """
    if kind == "index":
        count = len(catalog.classes) + 1
        return LabelValues(
            names=(BACKGROUND, *catalog.classes),
            of_index=tuple(range(count)),
            as_in_masks=catalog.mask_values == tuple(range(1, count)),
        )
    named = dict(zip(catalog.mask_values, catalog.classes, strict=True))
    if named.items() <= dict(enumerate(VOC_CLASSES, 1)).items():
        named = dict(enumerate(VOC_CLASSES, 1))
    highest = max(named, default=0)
    return LabelValues(
        names=(
            BACKGROUND,
            *(named.get(value, f"unused-{value}") for value in range(1, highest + 1)),
        ),
        of_index=(0, *catalog.mask_values),
        as_in_masks=True,
    )
