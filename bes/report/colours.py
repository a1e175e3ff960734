"""The colours of the classes in pictures for people, which colour-blind readers tell apart."""

from bes.data.images import VOC_PALETTE
from bes.metrics.iou import VOID

OKABE_ITO = ("e69f00", "56b4e9", "009e73", "f0e442", "0072b2", "d55e00", "cc79a7")
"""Of Okabe and Ito, "Color Universal Design" (2008); without black."""
PALETTE = (
    VOC_PALETTE[:3]
    + bytes.fromhex("".join(OKABE_ITO))
    + VOC_PALETTE[3 * (len(OKABE_ITO) + 1) : 3 * VOID]
    + bytes.fromhex("dddddd")
)
"""256 RGB colours, by label index; of classes after the seventh those of VOC, as in label PNGs."""
OUTLINE = (255, 255, 255)
"""Around objects, so that no class is known by its colour alone."""


def colour(palette: bytes, index: int) -> str:
    """One of a palette's colours, as CSS has it."""
    return "#" + palette[3 * index : 3 * index + 3].hex()
