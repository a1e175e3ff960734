"""Format `deeplab-pytorch`: a tree and lists for `NAME: vocaug` of kazuto1011/deeplab-pytorch."""

import re

from bes.data.manifest import ImageRecord
from bes.errors import BesError
from bes.export.contents import Contents

LABELS, MASKS = "pseudo_seg_labels", "SegmentationClass"


def write(contents: Contents) -> None:
    """`VOC2012` with photographs, labels and `ImageSets/SegmentationAug/{train_aug,val}.txt`.

    A line of a list is `/JPEGImages/<id>.jpg /<folder of labels>/<id>.png`. Raises BesError for an
    image whose name the trainer would cut: it splits a line at spaces and a name at its first dot.
    """
    for name, records, labels in (
        ("train_aug", contents.train, LABELS),
        ("val", contents.val, MASKS),
    ):
        if not records:
            continue
        contents.place_photographs(records, "VOC2012/JPEGImages")
        contents.place_labels(records, f"VOC2012/{labels}")
        lines = [f"/JPEGImages/{_name(r)}.jpg /{labels}/{r.id}.png" for r in records]
        contents.write_lines(f"VOC2012/ImageSets/SegmentationAug/{name}.txt", lines)
    numbered = enumerate(contents.values.names)
    contents.write_lines("labels.txt", (f"{value}\t{name}" for value, name in numbered))


def _name(record: ImageRecord) -> str:
    if re.search(r"[\s.]", record.id):
        raise BesError(
            f"{record.path}: found the image name {record.id!r}, expected one without spaces and "
            "dots, where deeplab-pytorch cuts names; rename the photograph or use another format"
        )
    return record.id
