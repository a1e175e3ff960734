"""Every label of an export has the numbers of `classes.json`, whatever those of the masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import VOCSegmentation

from bes.data.images import decode_labels, encode_labels, read_mask
from bes.data.manifest import read_catalog
from bes.errors import BesError


@pytest.mark.parametrize("classes", [("cat=8", "dog=12"), ("dog=12", "cat=8"), ("cat=2", "dog=1")])
def test_labels_and_masks_have_the_order_of_the_classes(
    project: Any, classes: tuple[str, ...]
) -> None:
    """Another order is another meaning of the pseudo labels; that of the masks stays."""
    project.classes = classes
    numbers = dict(text.split("=") for text in classes)
    for image in ("last", "later"):  # cat and dog where they are, in the numbers given
        table = np.full(256, 255, np.uint8)
        table[:3] = 0, int(numbers["cat"]), int(numbers["dog"])
        mask = project.root / "SegmentationClass" / f"{image}.png"
        mask.write_bytes(encode_labels(table[project.truth(image)]))
    for image in project.records:
        if image not in ("last", "later"):
            (project.root / "SegmentationClass" / f"{image}.png").unlink()
    project.read()
    names = read_catalog(project.base / "dataset/classes.json").classes
    root = project.export("torchvision")
    (_, label), *_ = VOCSegmentation(root, image_set="train")
    assert np.array_equal(np.array(label), project.label("first"))
    expected = np.full(256, 255, np.uint8)
    expected[:3] = 0, names.index("cat") + 1, names.index("dog") + 1
    for image in ("last", "later"):
        mask = root / f"VOCdevkit/VOC2012/SegmentationClass/{image}.png"
        assert np.array_equal(decode_labels(mask), expected[project.truth(image)])
    listed = json.loads((project.export("imagefolder") / "classes.json").read_text())
    assert listed == ["background", *names]


def test_a_label_that_stands_for_no_class_is_refused(project: Any) -> None:
    labels = project.label("first")
    labels[0, 0] = 3
    project.write_label("first", encode_labels(labels))
    with pytest.raises(BesError, match=r"first\.png: found the label 3, expected .*: 1 cat, 2 dog"):
        project.export("coco")


def test_a_label_of_another_size_is_refused(project: Any) -> None:
    project.write_label("first", encode_labels(project.label("first")[1:]))
    with pytest.raises(BesError, match=r"first\.png: a label of 48x35 pixels, expected the 48x36"):
        project.export("coco")


def test_a_training_photograph_never_comes_with_its_mask(project: Any) -> None:
    for format in ("torchvision", "deeplab-pytorch", "mmsegmentation", "imagefolder"):
        out = project.export(format)
        labels = [read_mask(path) for path in out.rglob("first.png")]
        assert len(labels) == 1
        assert not np.array_equal(labels[0], project.truth("first"))


def test_a_mask_is_written_anew(project: Any) -> None:
    for copy in (False, True):
        root = project.export("torchvision", copy=copy)
        for mask in (root / "VOCdevkit/VOC2012/SegmentationClass").iterdir():
            assert not Path(mask).is_symlink()
