"""Labels of an export have the values of the masks that a trainer is scored on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import VOCSegmentation

from bes.data.images import encode_labels, read_mask
from bes.data.manifest import Catalog
from bes.errors import BesError
from bes.export.values import label_values


def catalog(**values: int) -> Catalog:
    return Catalog(Path(), tuple(values), tuple(values.values()))


def test_some_classes_of_voc_have_vocs_names_and_numbers() -> None:
    values = label_values(catalog(cat=8, dog=12), "mask")
    assert len(values.names) == 21
    assert values.names[0] == "background" and values.names[20] == "tvmonitor"
    assert values.of_index == (0, 8, 12)


def test_classes_of_ones_own_have_the_values_of_their_masks() -> None:
    values = label_values(catalog(rust=1, paint=3), "mask")
    assert values.names == ("background", "rust", "unused-2", "paint")


def test_a_class_with_vocs_name_and_another_value_is_not_vocs() -> None:
    assert label_values(catalog(cat=1, dog=2), "mask").names == ("background", "cat", "dog")


def test_indices_count_without_gaps() -> None:
    values = label_values(catalog(cat=8, dog=12), "index")
    assert values.names == ("background", "cat", "dog")
    assert values.apply(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[0, 1, 2, 255]]


def test_void_stays_void() -> None:
    values = label_values(catalog(cat=8, dog=12), "mask")
    assert values.apply(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[0, 8, 12, 255]]


def test_masks_of_voc_are_handed_on_as_they_are(project: Any) -> None:
    mask = project.export("torchvision") / "VOCdevkit/VOC2012/SegmentationClass/last.png"
    assert mask.resolve() == project.root / "SegmentationClass/last.png"


def test_with_indices_labels_and_masks_are_converted_alike(project: Any) -> None:
    root = project.export("torchvision", values="index")
    (_, label), *_ = VOCSegmentation(root, image_set="train")
    (_, mask), *_ = VOCSegmentation(root, image_set="val")
    assert np.array_equal(np.array(label), project.label("first"))
    expected = np.zeros(256, np.uint8)
    expected[[8, 12, 255]] = 1, 2, 255
    assert np.array_equal(np.array(mask), expected[project.mask("last")])


@pytest.mark.parametrize("values", ["mask", "index"])
def test_a_label_that_stands_for_no_class_is_refused(project: Any, values: str) -> None:
    labels = project.label("first")
    labels[0, 0] = 8
    project.write_label("first", encode_labels(labels))
    with pytest.raises(BesError, match=r"first\.png: found the label index 8, expected 0 to 2"):
        project.export("coco", values=values)


def test_a_training_photograph_never_comes_with_its_mask(project: Any) -> None:
    for format in ("torchvision", "deeplab-pytorch", "mmsegmentation", "imagefolder"):
        out = project.export(format)
        labels = [read_mask(path) for path in out.rglob("first.png")]
        assert len(labels) == 1
        assert not np.array_equal(labels[0], project.mask("first"))
