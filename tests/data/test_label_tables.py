"""Labels in the forms that people keep them in, and the place of the fault where one is wrong."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bes.data.manifest import read_manifest
from bes.errors import BesError


def labels_of(folder: Any) -> dict[str, tuple[str, ...]]:
    return {record.id: record.labels for record in read_manifest(folder.out / "images.csv")}


def json_lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


EXPECTED = {"0": ("cat",), "1": ("dog",), "2": ("cat", "dog"), "3": ("cat",), "4": ("dog",)}


# JSON lines


def test_json_lines_are_a_table(folder: Any) -> None:
    rows = [{"image": f"{i}.jpg", "labels": list(labels)} for i, labels in EXPECTED.items()]
    folder.write("labels.jsonl", "\ufeff" + json_lines(*rows, {"image": "5", "labels": []}))
    folder.run(labels="labels.jsonl")
    assert labels_of(folder) == EXPECTED | {"5": ()}


def test_names_with_spaces_and_commas_need_no_care_in_json(folder: Any) -> None:
    labels = ["dining table", "cup, saucer"]
    folder.write("labels.jsonl", json_lines({"image": "0.jpg", "labels": labels, "by": "me"}))
    folder.run(labels="labels.jsonl", train="", val="", masks="")
    assert labels_of(folder) == {"0": ("cup, saucer", "dining table")}


# A folder for each class


@pytest.fixture
def classes(folder: Any) -> Any:
    """The photographs in `sorted/cat` and `sorted/dog`, 2.jpg in both."""
    for i, labels in EXPECTED.items():
        for label in labels:
            target = folder.path(f"sorted/{label}/{i}.jpg")
            shutil.copy(folder.root / f"JPEGImages/{i}.jpg", target)
    shutil.rmtree(folder.root / "JPEGImages")
    (folder.root / "labels.csv").unlink()
    folder.write("ImageSets/Segmentation/val.txt", "4\n")
    return folder


def test_a_folder_for_each_class_is_a_table(classes: Any) -> None:
    classes.run(labels="sorted")
    assert labels_of(classes) == EXPECTED
    (first, *_) = read_manifest(classes.out / "images.csv")
    assert first.path == "sorted/cat/0.jpg" and first.mask == "SegmentationClass/0.png"


def test_the_folders_of_the_classes_may_lie_in_the_root(classes: Any) -> None:
    for name in ("cat", "dog"):
        (classes.root / "sorted" / name).rename(classes.root / name)
    classes.run(labels=".")
    assert labels_of(classes) == EXPECTED


def test_the_folder_background_holds_photographs_of_no_class(classes: Any) -> None:
    classes.photograph("sorted/background/5.jpg")
    classes.write("ImageSets/Segmentation/val.txt", "5\n")
    classes.run(labels="sorted")
    assert labels_of(classes)["5"] == ()


def test_photographs_beside_the_folders_are_left_out_and_counted(
    classes: Any, capsys: pytest.CaptureFixture
) -> None:
    classes.photograph("sorted/7.jpg")
    classes.run(labels="sorted")
    assert "7" not in labels_of(classes)
    assert "1 photographs in no folder of a class, left out" in capsys.readouterr().out


# cls_labels.npy


def save(folder: Any, name: str, table: object) -> None:
    np.save(folder.path(name), np.array(table, dtype=object), allow_pickle=True)


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize("key", [str, int, np.int32, np.int64, np.str_])
def test_vectors_are_labels_in_the_order_of_the_classes(folder: Any, key: Callable) -> None:
    save(folder, "cls_labels.npy", {key(0): vector(1, 0), key(2): vector(1, 1)})
    folder.run(labels="cls_labels.npy", classes=("dog=12", "cat=8"), train="", val="", masks="")
    assert labels_of(folder) == {"0": ("dog",), "2": ("dog", "cat")}


@pytest.mark.parametrize("key", [2007000032, np.int32(2007000032), "2007_000032"])
def test_vocs_numbers_are_its_images_and_twenty_classes_are_vocs(folder: Any, key: object) -> None:
    folder.photograph("JPEGImages/2007_000032.jpg")
    save(folder, "cls_labels.npy", {key: np.eye(20, dtype=np.float32)[14]})
    folder.run(labels="cls_labels.npy", train="", val="", masks="")
    assert labels_of(folder) == {"2007_000032": ("person",)}


def test_vectors_of_photographs_that_are_not_there_are_left_out_and_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    save(folder, "cls_labels.npy", {name: vector(1, 0) for name in ("0", "98", "99")})
    folder.run(labels="cls_labels.npy", classes=("cat", "dog"), train="", val="")
    assert labels_of(folder) == {"0": ("cat",)}
    assert "2 rows of the table without a photograph" in capsys.readouterr().out


def test_a_listed_photograph_that_is_not_there_is_named(folder: Any) -> None:
    save(folder, "cls_labels.npy", {"0": vector(1, 0), "99": vector(1, 0)})
    folder.write("train.txt", "0\n99\n")
    with pytest.raises(BesError, match=r"cls_labels\.npy: key 99: found no photograph of '99'"):
        folder.run(labels="cls_labels.npy", classes=("cat", "dog"), train="train.txt", val="")
