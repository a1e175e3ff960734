"""Format `deeplab-pytorch`: a tree and lists for `NAME: vocaug` of kazuto1011/deeplab-pytorch."""

import re

from bes.export.contents import Contents
from bes.export.names import check_classes, check_images

LABELS, MASKS = "pseudo_seg_labels", "SegmentationClass"


def write(contents: Contents) -> None:
    """`VOC2012` with photographs, labels and `ImageSets/SegmentationAug/{train_aug,val}.txt`.

    A line of a list is `/JPEGImages/<id>.jpg /<folder of labels>/<id>.png`. Raises UnfitName for
    what the trainer would cut: it splits a line at spaces, the name of an image at its first dot
    and that of a class at a comma.
    """
    check_images(
        contents.train + contents.val,
        re.compile(r"[\s.]").search,
        "one without spaces and dots, where deeplab-pytorch cuts names",
    )
    check_classes(contents.names, ",", "one without a comma, where deeplab-pytorch cuts names")
    for name, records, labels in (
        ("train_aug", contents.train, LABELS),
        ("val", contents.val, MASKS),
    ):
        if not records:
            continue
        contents.place_photographs(records, "VOC2012/JPEGImages")
        contents.place_labels(records, f"VOC2012/{labels}")
        lines = [f"/JPEGImages/{r.id}.jpg /{labels}/{r.id}.png" for r in records]
        contents.write_lines(f"VOC2012/ImageSets/SegmentationAug/{name}.txt", lines)
    numbered = enumerate(contents.names)
    contents.write_lines("labels.txt", (f"{value}\t{name}" for value, name in numbered))
