"""Format `torchvision`: a `VOCdevkit/VOC2012` that `VOCSegmentation` reads without being told."""

import sys

from bes.export.contents import Contents
from bes.export.labelmap import LABELMAP, labelmap
from bes.export.names import UnfitName

VOC = "VOCdevkit/VOC2012"


def write(contents: Contents) -> None:
    """`SegmentationClass` has the pseudo labels of `train.txt` and the masks of `val.txt`.

    There is no `trainval.txt`, which would mix the two. `labelmap.txt`, by which datumaro knows the
    classes, is left out where it cannot hold a name, and a sentence says so.
    """
    try:
        contents.write(f"{VOC}/{LABELMAP}", labelmap(contents.catalog.classes))
    except UnfitName as error:
        print(f"torchvision: without {LABELMAP}: {error}", file=sys.stderr)
    for split, records in (("train", contents.train), ("val", contents.val)):
        if records:
            contents.place_photographs(records, f"{VOC}/JPEGImages")
            contents.place_labels(records, f"{VOC}/SegmentationClass")
            names = (record.id for record in records)
            contents.write_lines(f"{VOC}/ImageSets/Segmentation/{split}.txt", names)
