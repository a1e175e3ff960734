"""Format `mmsegmentation`: split files of bare names and a dataset config to inherit from."""

from bes.data.images import VOC_PALETTE
from bes.export.contents import Contents
from bes.export.names import check_classes

LABELS, MASKS = "PseudoLabels", "SegmentationClass"

_HEAD = '''"""A dataset of photographs and pseudo labels, written by `bes export`; for `_base_`."""

dataset_type = "BaseSegDataset"
# The folder of this file, wherever it is moved to.
data_root = "{{{{ fileDirname }}}}"
num_classes = {count}
metainfo = dict(
    classes={names!r},
    palette={palette!r},
)
crop_size = (512, 512)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="RandomResize", scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=crop_size, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(2048, 512), keep_ratio=True),
    dict(type="LoadAnnotations"),
    dict(type="PackSegInputs"),
]
'''

_LOADER = """{split}_dataloader = dict(
    batch_size={batch_size},
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="{sampler}", shuffle={shuffle}),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        data_prefix=dict(img_path="JPEGImages", seg_map_path="{folder}"),
        img_suffix=".jpg",
        seg_map_suffix=".png",
        reduce_zero_label=False,
        ignore_index=255,
        ann_file="ImageSets/Segmentation/{split}.txt",
        pipeline={pipeline},
    ),
)
"""

_SCORES = """test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"], ignore_index=255)
test_evaluator = val_evaluator
"""

_NO_SCORES = "# No validation photograph has a mask: set val_cfg = test_cfg = None beside this.\n"


def write(contents: Contents) -> None:
    """Photographs, a folder of labels for each split, bare lists, and `bes_dataset.py`.

    Raises UnfitName for a class with two braces, within which a config of mmengine names what to
    put there.
    """
    check_classes(contents.names, "{{", "one without '{{', which mmengine replaces")
    for split, records, folder in (
        ("train", contents.train, LABELS),
        ("val", contents.val, MASKS),
    ):
        if records:
            contents.place_photographs(records, "JPEGImages")
            contents.place_labels(records, folder)
            names = (record.id for record in records)
            contents.write_lines(f"ImageSets/Segmentation/{split}.txt", names)
    contents.write("bes_dataset.py", _config(contents))


def _config(contents: Contents) -> str:
    names = contents.names
    palette = [list(VOC_PALETTE[3 * value : 3 * value + 3]) for value in range(len(names))]
    train = _LOADER.format(
        split="train",
        batch_size=4,
        sampler="InfiniteSampler",
        shuffle=True,
        folder=LABELS,
        pipeline="train_pipeline",
    )
    val = _LOADER.format(
        split="val",
        batch_size=1,
        sampler="DefaultSampler",
        shuffle=False,
        folder=MASKS,
        pipeline="test_pipeline",
    )
    head = _HEAD.format(count=len(names), names=names, palette=palette)
    return head + train + (val + _SCORES if contents.val else _NO_SCORES)
