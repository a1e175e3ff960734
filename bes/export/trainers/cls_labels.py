"""Format `cls-labels`: the labels of whole photographs as other projects keep them."""

import re
import sys
from pathlib import Path

from bes.data.cls_labels import write_cls_labels
from bes.data.file_names import id_of
from bes.data.label_tables import read_label_table
from bes.data.manifest import ImageRecord
from bes.data.spreadsheet import csv_text
from bes.errors import BesError
from bes.export.contents import Contents


def write(contents: Contents) -> None:
    """`labels.csv`, `cls_labels_onehot.npy`, and `cls_labels.npy` where all names are numbers.

    They name all photographs of the dataset. The vectors are in the order of the label indices.
    The table is left out where a name in it would be read as another.
    """
    catalog = contents.catalog
    contents.write(
        "cls_labels_onehot.npy", write_cls_labels(contents.records, catalog, onehot=True)
    )
    try:
        numbers = write_cls_labels(contents.records, catalog, onehot=False)
        contents.write("cls_labels.npy", numbers)
    except BesError as error:
        print(f"cls_labels.npy is left out, it has numbers as names: {error}", file=sys.stderr)
    contents.write("labels.csv", _table(contents.records))
    try:
        _check_table(contents)
    except BesError as error:
        print(f"labels.csv is left out: {error}", file=sys.stderr)
        (contents.folder / "labels.csv").unlink()
    contents.write_lines("classes.txt", catalog.classes)


def _table(records: list[ImageRecord]) -> str:
    rows = [("image", "labels")]
    for record in records:
        # A name that ends like a picture needs its ending, and one with a space its semicolon.
        image = record.id if id_of(record.id) == record.id else Path(record.path).name
        labels = ";".join(record.labels)
        alone = len(record.labels) == 1 and re.search(r"[\s,]", labels)
        rows.append((image, f"{labels};" if alone else labels))
    return csv_text(rows)


def _check_table(contents: Contents) -> None:
    """Raises BesError unless the table that was written is read as what it was written from."""
    table = read_label_table(contents.folder, "labels.csv", classes=(), order=(), without=())
    found = {row.id: row.labels for row in table.rows}
    for record in contents.records:
        if found.get(record.id) != record.labels:
            raise BesError(
                f"{record.path}: found {found.get(record.id)} for it when read, expected "
                f"{record.labels}; cls_labels_onehot.npy takes any name"
            )
