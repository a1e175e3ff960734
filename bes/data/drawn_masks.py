"""Masks that a dataset gives in another form, drawn as PNGs once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bes.data.images import encode_labels
from bes.errors import BesError
from bes.storage.files import write_atomic
from bes.storage.pool import forked_map
from bes.storage.progress import Progress

CHUNK = 32
"""Masks that a process draws before it asks for more."""


def write_missing(
    files: dict[str, Path], draw: Callable[[str], np.ndarray], *, processes: int
) -> None:
    """Write the masks, image -> palette PNG, that are not there yet.

    `draw` gives the mask of an image, uint8 (H, W), and runs in forked processes. A file is there
    whole or not at all. Raises BesError if the folder cannot be written to, and what `draw` raises.
    """
    missing = [image for image, path in files.items() if not path.exists()]
    if not missing:
        return
    folders = {files[image].parent for image in missing}
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BesError(
                f"{folder}: cannot be made ({error.strerror}), expected a place for masks as PNGs"
            ) from None

    def write(images: list[str]) -> None:
        for image in images:
            write_atomic(files[image], encode_labels(draw(image)))

    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    progress = Progress("masks as PNGs", len(chunks), unit=f"x {CHUNK} masks")
    for _ in forked_map(write, chunks, processes=processes):
        progress.step()
