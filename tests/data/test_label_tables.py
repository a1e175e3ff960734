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
    assert "1 photograph in no folder of a class, left out" in capsys.readouterr().out


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
    save(folder, "cls_labels.npy", {name: vector(1, 0) for name in ("0", "1", "98", "99")})
    folder.write("train.txt", "0\n")
    folder.run(labels="cls_labels.npy", classes=("cat", "dog"), train="train.txt", val="")
    said = capsys.readouterr().out
    assert "2 rows of the table without a photograph" in said
    assert "1 photograph in no split list, left out" in said


def test_a_listed_photograph_that_is_not_there_is_named(folder: Any) -> None:
    save(folder, "cls_labels.npy", {"0": vector(1, 0), "99": vector(1, 0)})
    folder.write("train.txt", "0\n99\n")
    with pytest.raises(BesError, match=r"cls_labels\.npy: key 99: found no photograph of '99'"):
        folder.run(labels="cls_labels.npy", classes=("cat", "dog"), train="train.txt", val="")


# What spreadsheets, pandas and people leave in a table

BOTH = {"0": ("cat",), "1": ("cat", "dog")}


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffimage,labels\r\n0.jpg,cat\r\n1.jpg,cat dog\r\n,\r\n,,,\r\n",
        "\n,\nimage,labels,\n0.jpg,cat,\n1.jpg,cat dog,,\n",
        "\ufeffimage;labels\r\n0.jpg;cat\r\n1.jpg;cat dog\r\n;\r\n",
        'image;labels\n0.jpg;cat\n1.jpg;"cat;dog"\n',
        "sep=;\r\nimage;labels\r\n0.jpg;cat\r\n1.jpg;cat,dog\r\n",
        "image\tlabels\n0.jpg\tcat\n1.jpg\tcat dog\n",
        "Image, LABELS \n0.jpg, cat\n1.jpg, cat dog\n",
        '"image","labels"\n"0.jpg","cat"\n"1.jpg","cat, dog"\n',
        ",image,labels\n0,0.jpg,cat\n1,1.jpg,cat dog\n",
        "labels,image\ncat,0.jpg\ncat dog,1.jpg\n",
        "image,,labels\n0.jpg,,cat\n1.jpg,,cat dog\n",
        "image,labels\r0.jpg,cat\r1.jpg,cat dog\r",
        "image,labels\n0.jpg,cat\n1.jpg,cat|dog\n",
        "image,labels\n0.jpg,cat\n1.jpg,cat | dog;\n",
        'image,labels\n0.jpg,cat\n1.jpg,"cat\r\ndog"\n',
        "image,labels\n0.jpg,cat\u2028\n1.jpg,cat\u2028dog\n",
    ],
)
def test_tables_are_read_as_programs_write_them(folder: Any, content: str) -> None:
    folder.write("labels.csv", content)
    folder.run(train="", val="", masks="")
    assert labels_of(folder) == BOTH


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_tables_and_lists_are_read_in_the_encodings_of_excel_and_powershell(
    folder: Any, encoding: str
) -> None:
    mark = "\ufeff" * (encoding in ("utf-16-le", "utf-16-be"))
    for content in (
        "image\tlabels\r\n0.jpg\tcafé\r\n1.jpg\tcafé;犬\r\n",
        "image,labels\n0,café\n1,café|犬\n",
    ):
        folder.write("labels.csv", (mark + content).encode(encoding))
        folder.write("train.txt", (mark + "0\r\n1\r\n").encode(encoding))
        folder.run(train="train.txt", val="", masks="")
        assert labels_of(folder) == {"0": ("café",), "1": ("café", "犬")}
    rows = json.dumps({"image": "0", "labels": ["café"]}, ensure_ascii=False)
    folder.write("labels.jsonl", (mark + rows).encode(encoding))
    folder.run(labels="labels.jsonl", train="", val="", masks="")
    assert labels_of(folder) == {"0": ("café",)}


def test_empty_rows_and_missing_labels_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    rows = [
        "0.jpg,cat",
        "1.jpg,nan",
        "2.jpg,None",
        "3.jpg,N/A",
        "4.jpg,\\N",
        ",",
        "5.jpg,(null);dog",
    ]
    folder.write("labels.csv", "image,labels\n" + "\n".join(rows))
    folder.run(train="", val="", masks="")
    assert labels_of(folder) == {"0": ("cat",), **dict.fromkeys("1234", ()), "5": ("dog",)}
    out = capsys.readouterr().out
    assert "1 empty rows of the table, left out" in out
    assert "no label in the table: 1 '(null)', 1 'N/A', 1 'None', 1 '\\\\N', 1 'nan'" in out
    assert "4 photographs without labels, kept as background only" in out


def test_missing_labels_in_json(folder: Any, capsys: pytest.CaptureFixture) -> None:
    rows = [{"image": "0", "labels": ["cat"], "split": "val"}, {"image": "1", "labels": None}]
    folder.write("labels.jsonl", json_lines(*rows, {"image": "2", "labels": ["nan"]}))
    folder.run(labels="labels.jsonl", train="", val="", masks="")
    assert labels_of(folder) == {"0": ("cat",), "1": (), "2": ()}
    assert "keys of labels.jsonl not read: split" in capsys.readouterr().out


def test_a_text_may_hold_what_ends_a_line_elsewhere(folder: Any) -> None:
    folder.write("labels.jsonl", '{"image": "0", "labels": ["red\u2028pear"]}\r\n')
    folder.run(labels="labels.jsonl", train="", val="", masks="")
    assert labels_of(folder) == {"0": ("red pear",)}


@pytest.mark.parametrize(
    ("rows", "classes"),
    [
        ("0.jpg,none\n1.jpg,NA\n", ("NA", "none")),
        ("0.jpg,0\n1.jpg,1\n", ("0", "1")),
        ("0.jpg,a|b\n1.jpg,a b\n", ("a|b", "a b")),
        ("0.jpg,-x\n1.jpg,=x\n", ("-x", "=x=2")),
    ],
)
def test_a_name_that_is_given_is_a_class(folder: Any, rows: str, classes: tuple[str, ...]) -> None:
    folder.write("labels.csv", f"image,labels\n{rows}")
    folder.run(train="", val="", masks="", classes=classes)
    assert sorted(labels_of(folder).values()) == sorted((n.split("=2")[0],) for n in classes)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (["Cat", "cat", "CAT"], "found the classes 'CAT', 'Cat', 'cat', which differ"),
        (["\u0441at", "cat", "x"], "the classes 'cat', '\u0441at' ('\\u0441at'), which differ"),
        (
            ["traffic_light;x", "traffic light", "x"],
            "classes 'traffic light', 'traffic_light', ",
        ),
        (
            ["cat dog", "cat;x", "dog"],
            "found the class 'cat dog' beside 'cat', 'dog'; exp",
        ),
        (["cat;dog", "cat/dog", "x"], "found the class 'cat/dog' beside 'cat', 'dog'; exp"),
    ],
)
def test_classes_that_may_be_one_are_named(
    folder: Any, labels: list[str], note: str, capsys: pytest.CaptureFixture
) -> None:
    rows = "".join(f"{image}.jpg,{each}\n" for image, each in enumerate(labels))
    folder.write("labels.csv", f"image,labels\n{rows}")
    folder.run(train="", val="", masks="")
    said = capsys.readouterr().out
    assert note in said and "no training photograph" not in said


def test_other_classes_raise_no_question(folder: Any, capsys: pytest.CaptureFixture) -> None:
    folder.write("labels.csv", "image,labels\n0.jpg,cat;red pear\n1.jpg,pear;dog\n")
    folder.run(train="", val="", masks="")
    out = capsys.readouterr().out
    assert not any(word in out.split("sizes:")[1] for word in ("class", "no label", "no training"))


def test_a_class_that_nothing_can_be_learned_of_is_named(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.write("ImageSets/Segmentation/train.txt", "0\n3\n")
    folder.run(classes=("cat", "dog", "cow"))
    assert "no training photograph shows 'dog', 'cow'" in capsys.readouterr().out


def test_labels_that_are_numbers_are_names_and_that_is_said(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.write("labels.csv", "image,labels\n0.jpg,8\n1.jpg,12 8\n")
    folder.run(train="", val="", masks="")
    assert labels_of(folder) == {"0": ("8",), "1": ("12", "8")}
    note = "all labels are numbers and are taken for names, not for the numbers of the classes"
    assert note in capsys.readouterr().out
    folder.run(train="", val="", masks="", classes=("8", "12"))
    assert note not in capsys.readouterr().out


def test_classes_whose_names_say_that_they_are_none_are_named(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.write("labels.csv", "image,labels\n0.jpg,cat # 🐱\n1.jpg,Void\n2.jpg,unlabelled 0\n")
    folder.run(train="", val="", masks="")
    said = capsys.readouterr().out
    assert "found the class '#', '0', 'Void', 'unlabelled', which is learnt like any other" in said
