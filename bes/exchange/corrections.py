"""What annotation tools made of labels, as corrections: all of it, or nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bes.data.corrections import correction_files
from bes.data.file_names import image_of
from bes.data.images import encode_labels, read_mask
from bes.data.manifest import Catalog, ImageRecord
from bes.data.review import CORRECTED, read_review, review_csv, signed
from bes.errors import BesError
from bes.exchange.drawing import Drawing
from bes.exchange.files import read_drawings, unpacked
from bes.storage.files import write_atomic
from bes.storage.lock import locked
from bes.storage.words import counted

LISTED = 20
"""Faults named at most."""


@dataclass(frozen=True)
class Places:
    """Where corrections go: paths."""

    corrections: Path
    review: Path


class Imported(NamedTuple):
    """What became of the drawings."""

    written: int
    replaced: int
    """Of these, in the place of a correction that was another."""
    same: int
    """Corrections that were there with just these pixels."""
    unchanged: int
    """Left out, as they are equal to the pseudo label."""
    held_out: int
    """Left out, as nothing is corrected in photographs that are held out."""
    empty: int
    """Written, all background."""
    unnamed: int
    """Written, with a class that the label table does not name for the photograph."""


def import_corrections(
    path: Path,
    *,
    catalog: Catalog,
    records: Sequence[ImageRecord],
    places: Places,
    pseudo_labels: Mapping[str, Path] | None = None,
) -> Imported:
    """Write `<corrections>/<image>.png` for each drawing in a file, folder or zip, and its verdict.

    Where `pseudo_labels`, image -> file, are given, a drawing equal to its pseudo label is left
    out. All drawings are decoded before anything is written. Raises BesError that lists the faults:
    photographs and classes that are not in the dataset, labels of another size, damage, two
    drawings of one photograph.
    """
    with unpacked(path) as folder:
        try:
            labels, held_out = _decoded(read_drawings(folder, catalog.classes), records)
        except BesError as error:
            # A zip was unpacked where nobody can look.
            raise BesError(str(error).replace(str(folder), str(path))) from None
    known = {record.id: record for record in records}
    counts: Counter[str] = Counter()
    with locked(places.review.with_name(f".{places.review.name}.lock")):
        files = correction_files(places.corrections)
        review = read_review(places.review, known) if places.review.exists() else {}
        for image, label in labels.items():
            if pseudo_labels and np.array_equal(label, read_mask(pseudo_labels[image])):
                counts["unchanged"] += 1
                continue
            target = files.get(image, places.corrections / f"{image}.png")
            there = _pixels(target)
            if there is not None and np.array_equal(there, label):
                counts["same"] += 1
            else:
                counts["written"] += 1
                counts["replaced"] += target.exists()
                write_atomic(target, encode_labels(label), durable=True)
            counts["empty"] += not label.any()
            counts["unnamed"] += _shows_more(label, known[image], catalog)
            if image not in review or review[image].verdict != CORRECTED:
                review[image] = signed(image, CORRECTED)
        # Nothing is written where nothing changes.
        if counts["written"] or counts["same"]:
            text = review_csv(review.values())
            write_atomic(places.review, text.encode(), durable=True)
    names = (name for name in Imported._fields if name != "held_out")
    return Imported(held_out=held_out, **{name: counts[name] for name in names})


def _decoded(
    drawings: Sequence[Drawing], records: Sequence[ImageRecord]
) -> tuple[dict[str, np.ndarray], int]:
    """Image -> label indices, and how many drawings are of photographs held out."""
    known = {record.id: record for record in records}
    found: dict[str, np.ndarray] = {}
    sources: dict[str, str] = {}
    faults, held_out = [], 0
    for drawing in drawings:
        image = image_of(drawing.image, known)
        record = known.get(image)
        if record is None:
            faults.append(
                f"{drawing.source}: found the photograph {drawing.image!r}, expected one of the "
                "dataset"
            )
        elif record.held_out:
            held_out += 1
        elif image in sources:
            faults.append(
                f"{drawing.source}: found a second label of {image!r}, expected one; the first is "
                f"{sources[image]}"
            )
        else:
            sources[image] = drawing.source
            try:
                found[image] = drawing.draw((record.height, record.width))
            except BesError as error:
                where = "" if str(error).startswith(drawing.source) else f"{drawing.source}: "
                faults.append(f"{where}{error}")
    if faults:
        more = [f"and {len(faults) - LISTED} more"] if len(faults) > LISTED else []
        raise BesError(
            "\n".join(
                [f"nothing is imported, {counted(len(faults), 'fault')}:", *faults[:LISTED], *more]
            )
        )
    return found, held_out


def _pixels(file: Path) -> np.ndarray | None:
    """The correction that is there; None for none, or one that cannot be read."""
    try:
        return read_mask(file)
    except BesError:
        return None


def _shows_more(label: np.ndarray, record: ImageRecord, catalog: Catalog) -> bool:
    named = {0, 255, *catalog.indices(record)}
    return not named.issuperset(np.unique(label).tolist())
