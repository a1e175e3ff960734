"""A label table for photographs to predict: which labels each of them may have."""

import os
from pathlib import Path
from typing import NamedTuple

from bes.data.class_notes import unknown_class
from bes.data.file_names import best_of, id_of
from bes.data.folder import in_folder
from bes.data.label_tables import Row, read_label_table
from bes.errors import BesError
from bes.storage.words import counted


class KnownLabels(NamedTuple):
    """What a table says."""

    indices: dict[str, list[int]]
    """Photograph -> the indices of the labels that it may have, 0, the background, among them."""
    notes: list[str]
    """What of the table is of no use, and what is missing in it."""


def read_known_labels(
    table: Path, folder: Path, photographs: list[str], classes: tuple[str, ...], *, without: Path
) -> KnownLabels:
    """The labels of photographs, whose paths are relative to the folder, from a table of any form
    that datasets have; a folder for each class must lie in the folder of the photographs.

    Raises BesError that lists every problem: a table that cannot be read, a class that is none of
    `classes`, a row that may mean either of two photographs.
    """
    place = str(table.absolute())
    if table.is_dir():
        place = os.path.relpath(table.resolve(), folder.resolve())
        if place.startswith(".."):
            raise BesError(
                f"--labels: found the folder {table}, expected {folder}, or a folder in it, with a "
                "folder for each class"
            )
    left_out = os.path.relpath(without.resolve(), folder.resolve())
    read = read_label_table(folder, place, classes=classes, order=classes, without=(left_out,))
    problems, notes = list(read.problems), list(read.notes)
    by_id: dict[str, list[str]] = {}
    for path in photographs:
        by_id.setdefault(id_of(path), []).append(path)
    indices: dict[str, list[int]] = {}
    absent = 0
    for row in read.rows:
        problems += [
            f"{row.place}: {unknown_class(label, classes)}"
            for label in row.labels
            if label not in classes
        ]
        # In folders of classes, those of one name are copies.
        copies = read.photographs is not None
        meant = by_id.get(row.id, []) if copies else _meant_by(row, by_id, folder)
        if len(meant) > 1 and not copies:
            problems.append(
                f"{row.place}: found {meant[0]} and {meant[1]} of that name, expected one, or "
                "folder and ending in the table"
            )
        absent += not meant
        known = [0, *(classes.index(label) + 1 for label in row.labels if label in classes)]
        indices |= dict.fromkeys(meant, sorted(known))
    if problems:
        raise BesError("\n".join(problems))
    if absent:
        notes.append(f"{counted(absent, 'row')} of {table} without a photograph, left out")
    if unknown := len(photographs) - len(indices):
        notes.append(
            f"{counted(unknown, 'photograph')} without a row in {table}: any label is possible"
        )
    return KnownLabels(indices, notes)


def _meant_by(row: Row, by_id: dict[str, list[str]], folder: Path) -> list[str]:
    """The photograph of a row; none, or several that it may be."""
    named = [path for path in by_id.get(row.id, []) if in_folder(folder / path, row.folder)]
    return best_of(named, row.image)
