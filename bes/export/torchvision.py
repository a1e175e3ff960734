"""Format `torchvision`: a `VOCdevkit/VOC2012` that `VOCSegmentation` reads without being told."""

from bes.export.contents import Contents

VOC = "VOCdevkit/VOC2012"


def write(contents: Contents) -> None:
    """`SegmentationClass` has the pseudo labels of `train.txt` and the masks of `val.txt`.

    There is no `trainval.txt`, which would mix the two.
    """
    for split, records in (("train", contents.train), ("val", contents.val)):
        if records:
            contents.place_photographs(records, f"{VOC}/JPEGImages")
            contents.place_labels(records, f"{VOC}/SegmentationClass")
            names = (record.id for record in records)
            contents.write_lines(f"{VOC}/ImageSets/Segmentation/{split}.txt", names)
