"""Leaks: training labels that are masks in disguise, and images on both sides of a split."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bes.data.images import decode_mask, read_bytes, read_mask
from bes.data.manifest import VOID, Catalog, ImageRecord
from bes.data.truth import to_indices
from bes.errors import BesError
from bes.incremental.stage import image_file
from bes.storage.files import digest_bytes
from bes.storage.words import counted

MIN_OUTLINE = 32
"""Neighbouring pixels with different labels from which on two equal labels are no coincidence."""
LISTED = 20
"""Images named at most."""


def check_leaks(
    catalog: Catalog,
    records: list[ImageRecord],
    *,
    pseudo_labels: Path,
    threads: int,
) -> None:
    """Refuse labels and lists that would let a trainer see what it is scored on.

    Three things are leaks:

    - An image is of split train and of another, or two of them are the same photograph, byte for
      byte. A photograph that was saved again or cropped is not recognised.
    - A training label has the bytes of one of the dataset's masks, of whichever image.
    - A training label has the pixels of its image's own mask, in the mask's values or in label
      indices, with its void pixels or with background in their place. A mask whose void was filled
      in another way is not recognised.

    Equal labels are a leak only beyond chance. An image that is all background, all one class, or
    has a speck of a few pixels can be labelled rightly without any mask, so an equal label whose
    outline is shorter than `MIN_OUTLINE` passes; the outline is the number of neighbouring pixels
    that differ, 32 for a square of 8x8. From there on, to be right the method would have had to
    place each of 32 or more pixels of a border rightly by guess, and one such image is enough to
    be refused. A label that a person corrected may be as right as the mask; it is refused only
    where the correction is the very file of the mask.

    Raises BesError that names the images.
    """
    leaks = _across_splits(records)
    train = [record for record in records if record.split == "train"]
    masks = {record.mask_digest: record.mask for record in records if record.mask}

    def look(record: ImageRecord) -> str | None:
        if record.correction and record.correction_digest != record.mask_digest:
            return None
        path = image_file("pseudo_labels", pseudo_labels, record.id)
        return _equal_mask(catalog, record, path, masks)

    with ThreadPoolExecutor(threads) as executor:
        leaks += filter(None, executor.map(look, train))
    if leaks:
        more = [f"and {len(leaks) - LISTED} more"] if len(leaks) > LISTED else []
        raise BesError(
            "\n".join(
                [f"nothing is exported, {counted(len(leaks), 'leak')}:", *leaks[:LISTED], *more]
            )
        )


def _across_splits(records: list[ImageRecord]) -> list[str]:
    held_out = [record for record in records if record.split != "train"]
    by_id = {record.id: record for record in held_out}
    by_digest = {record.digest: record for record in held_out}
    leaks = []
    for record in records:
        if record.split != "train":
            continue
        if other := by_id.get(record.id):
            leaks.append(f"{record.id}: found in split train and in split {other.split}")
        elif other := by_digest.get(record.digest):
            leaks.append(
                f"{record.id}: the photograph {record.path} of split train is the same as "
                f"{other.path} of split {other.split}"
            )
    return leaks


def _equal_mask(
    catalog: Catalog, record: ImageRecord, path: Path, masks: dict[str, str]
) -> str | None:
    content = read_bytes(path)
    label = decode_mask(content, path)
    if outline(label) < MIN_OUTLINE:
        return None
    mask_path = masks.get(digest_bytes(content), "")
    if not mask_path and record.mask:
        file = catalog.root / record.mask
        mask = read_mask(file)
        if _equal(label, mask) or _equal(label, to_indices(mask, catalog.mask_values, file)):
            mask_path = record.mask
    if not mask_path:
        return None
    return (
        f"{record.id}: the training label {path} equals the mask {catalog.root / mask_path}; make "
        "it anew, or give it as a correction (dataset.corrections) if a person drew it"
    )


def _equal(label: np.ndarray, mask: np.ndarray) -> bool:
    return np.array_equal(label, mask) or np.array_equal(label, np.where(mask == VOID, 0, mask))


def outline(labels: np.ndarray) -> int:
    """Pairs of pixels side by side or one above the other whose labels, (H, W), differ."""
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    return int(np.count_nonzero(across) + np.count_nonzero(down))
