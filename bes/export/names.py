"""Names that a format cannot take."""

from collections.abc import Callable, Iterable

from bes.data.manifest import ImageRecord
from bes.errors import BesError


class UnfitName(BesError):
    """The name of an image or a class would be read as another; other formats may take it."""


def check_images(
    records: Iterable[ImageRecord], is_unfit: Callable[[str], object], expected: str
) -> None:
    """Raises UnfitName if an image has a name of which `is_unfit` is true."""
    if unfit := [record for record in records if is_unfit(record.id)]:
        more = f" and {len(unfit) - 1} more" if len(unfit) > 1 else ""
        raise UnfitName(
            f"{unfit[0].path}: found the image name {unfit[0].id!r}{more}, expected {expected}; "
            "rename the photograph or use another format"
        )


def check_classes(names: Iterable[str], unfit: str, expected: str) -> None:
    """Raises UnfitName if a class has the text `unfit` in its name."""
    if bad := [name for name in names if unfit in name]:
        raise UnfitName(
            f"found the class name {bad[0]!r}, expected {expected}; rename the class or use "
            "another format"
        )
