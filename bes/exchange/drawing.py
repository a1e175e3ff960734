"""What an annotation tool says of one photograph, and the names that it may use."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bes.data.manifest import BACKGROUND, VOID
from bes.data.names import clean
from bes.errors import BesError
from bes.export.reserved import VOID_NAME

Size = tuple[int, int]
"""Height and width, pixels."""


class Drawing(NamedTuple):
    """The label of one photograph, not yet decoded."""

    source: str
    """The file, and where in it; for errors."""
    image: str
    """What the file calls the photograph."""
    draw: Callable[[Size], np.ndarray]
    """Photograph's size -> label indices, uint8 (H, W). Raises BesError for another size and for
    what is no label."""


Names = Mapping[str, int]
"""What a class may be called -> its label index."""


def names_of(classes: Iterable[str]) -> Names:
    """The classes of a dataset, the background and void."""
    return {BACKGROUND: 0, **{name: i for i, name in enumerate(classes, 1)}, VOID_NAME: VOID}


def index_of(name: Any, names: Names) -> int:
    """The label index of a class; raises BesError for one that there is not."""
    found = clean(name) if isinstance(name, str) else name
    if not isinstance(found, str) or found not in names:
        raise BesError(f"found the class {name!r}, expected one of {', '.join(names)}")
    return names[found]


def check_size(found: tuple[Any, Any], expected: Size) -> None:
    """Raises BesError unless a height and width are those of the photograph."""
    if tuple(found) != expected:
        raise BesError(
            f"found a label of {found[1]}x{found[0]} pixels, expected the "
            f"{expected[1]}x{expected[0]} of the photograph"
        )


def layered(size: Size, layers: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """Label index and mask, bool (H, W), of each shape, later ones on top -> label indices."""
    labels = np.zeros(size, np.uint8)
    for index, mask in layers:
        labels[mask] = index
    return labels
