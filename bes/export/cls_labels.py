"""Format `cls-labels`: the labels of whole photographs as other projects keep them."""

import csv
import io
import sys

from bes.data.cls_labels import write_cls_labels
from bes.errors import BesError
from bes.export.contents import Contents


def write(contents: Contents) -> None:
    """`labels.csv`, `cls_labels_onehot.npy`, and `cls_labels.npy` where all names are numbers.

    They name all photographs of the dataset. The vectors are in the order of the label indices.
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
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "labels"])
    table.writerows([record.id, ";".join(record.labels)] for record in contents.records)
    contents.write("labels.csv", text.getvalue())
    contents.write_lines("classes.txt", catalog.classes)
