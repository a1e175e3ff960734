"""`labelmap.txt`: what the colours of label PNGs mean to CVAT and datumaro."""

from collections.abc import Sequence

from bes.data.manifest import BACKGROUND
from bes.export.names import UnfitName
from bes.export.reserved import colour, drawn_names

LABELMAP = "labelmap.txt"


def labelmap(classes: Sequence[str]) -> str:
    """A line `name:red,green,blue::` for the background, each class and void.

    Raises UnfitName for a name that such a line would cut, or that is taken.
    """
    names = {0: BACKGROUND} | drawn_names(classes)
    if unfit := [name for name in names.values() if ":" in name or name.startswith("#")]:
        raise UnfitName(
            f"found the class name {unfit[0]!r}, expected one without ':' and without '#' at its "
            f"start, where {LABELMAP} cuts names; rename the class or use another format"
        )
    lines = (f"{name}:{','.join(map(str, colour(i)))}::\n" for i, name in names.items())
    return "# label:color_rgb:parts:actions\n" + "".join(lines)
