"""What annotation tools call the pixels that no class has."""

from collections.abc import Sequence

from bes.data.images import VOC_PALETTE
from bes.data.manifest import BACKGROUND, VOID
from bes.export.names import UnfitName

VOID_NAME = "void"


def drawn_names(classes: Sequence[str]) -> dict[int, str]:
    """Label index -> name, of all that can be drawn: the classes, then void.

    Raises UnfitName for a class with one of the two names that are taken.
    """
    if taken := {BACKGROUND, VOID_NAME} & set(classes):
        raise UnfitName(
            f"found the class name {min(taken)!r}, expected another, as annotation tools have no "
            "other way to tell background and void; rename the class or use another format"
        )
    return dict(enumerate(classes, 1)) | {VOID: VOID_NAME}


def colour(index: int) -> tuple[int, int, int]:
    """Its colour in label PNGs, RGB."""
    red, green, blue = VOC_PALETTE[3 * index : 3 * index + 3]
    return red, green, blue


def hex_colour(index: int) -> str:
    """The same as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour(index))
