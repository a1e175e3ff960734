"""What users write about their photographs is understood, or the place of the fault is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bes.cli import main
from bes.data.images import encode_labels
from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.truth import read_truth
from bes.errors import BesError


def records_of(folder: Any) -> dict[str, ImageRecord]:
    return {record.id: record for record in read_manifest(folder.out / "images.csv")}


def test_a_folder_in_order(folder: Any) -> None:
    folder.run()
    records = records_of(folder)
    assert list(records) == ["0", "1", "2", "3", "4", "5"]
    assert records["2"].labels == ("cat", "dog") and records["1"].labels == ("dog",)
    assert [record.split for record in records.values()] == ["train"] * 4 + ["val"] * 2
    assert (records["0"].width, records["0"].height) == (32, 24)
    assert records["0"].path == "JPEGImages/0.jpg"
    assert records["0"].mask == "SegmentationClass/0.png"
    assert len({record.digest for record in records.values()}) == 6


def test_the_names_of_folders_and_lists_can_be_given(folder: Any) -> None:
    for old, new in (("JPEGImages", "my photos"), ("SegmentationClass", "ground truth")):
        (folder.root / old).rename(folder.root / new)
    folder.write("lists/one.txt", "1\n")
    folder.run(
        photographs="my photos/",
        masks="./ground truth",
        train="lists/one.txt",
        val="",
        labels="labels.csv",
    )
    (record,) = records_of(folder).values()
    assert record.path == "my photos/1.jpg" and record.mask == "ground truth/1.png"


def test_photographs_lie_in_the_root_beside_their_masks(folder: Any) -> None:
    for i in range(6):
        (folder.root / f"JPEGImages/{i}.jpg").rename(folder.root / f"{i}.jpg")
        (folder.root / f"SegmentationClass/{i}.png").rename(folder.root / f"{i}.png")
    (folder.root / "JPEGImages").rmdir()
    folder.run(masks=".")
    assert records_of(folder)["0"].path == "0.jpg" and records_of(folder)["0"].mask == "0.png"


def test_only_a_validation_list_leaves_the_rest_for_training(folder: Any) -> None:
    folder.run(train="")
    splits = {record.id: record.split for record in records_of(folder).values()}
    assert list(splits.values()).count("train") == 4 and splits["4"] == "val"


@pytest.mark.parametrize(
    "lines",
    [
        "0\n1\n",
        "0.jpg\r\n1.jpg\r\n",
        "\ufeff0\n\n1",
        "/JPEGImages/0.jpg /SegmentationClassAug/0.png\n/JPEGImages/1.jpg /x/1.png\n",
        "0 1\n1 -1\n",
        "JPEGImages\\0.jpg\nJPEGImages\\1.jpg\n",
    ],
)
def test_lists_have_ids_with_or_without_folders_and_endings(folder: Any, lines: str) -> None:
    folder.write("train.txt", lines)
    folder.run(train="train.txt", val="")
    assert list(records_of(folder)) == ["0", "1"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["cat", "cat  dog"], [("cat",), ("cat", "dog")]),
        (["dining table;cat", "dining table"], [("cat", "dining table"), ("dining table",)]),
        (["cat; dining table ;"], [("cat", "dining table")]),
        (['"cat,dining table"', "dining table"], [("cat", "dining table"), ("dining table",)]),
        (["cat dog cat"], [("cat", "dog")]),
        (["cat", ""], [("cat",), ()]),
        (["chat;café;犬"], [("café", "chat", "犬")]),
    ],
)
def test_labels_are_separated_alike_in_the_whole_table(
    folder: Any, fields: list[str], expected: list[tuple[str, ...]]
) -> None:
    rows = "".join(f"{i}.jpg,{field}\n" for i, field in enumerate(fields))
    folder.write("labels.csv", f"image,labels\n{rows}")
    folder.run(train="", val="", masks="")
    assert [record.labels for record in records_of(folder).values()] == expected


def test_a_given_class_with_a_space_is_one_class(folder: Any) -> None:
    folder.rows = {"0.jpg": "dining table", "1.jpg": "cat"}
    folder.table()
    folder.run(train="", val="", masks="", classes=("dining table", "cat"))
    assert records_of(folder)["0"].labels == ("dining table",)


def test_photographs_without_labels_are_kept_and_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.rows["0.jpg"] = ""
    folder.table()
    folder.run()
    assert records_of(folder)["0"].labels == ()
    assert "1 photographs without labels" in capsys.readouterr().out


def test_photographs_without_a_row_are_left_out_and_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.photograph("JPEGImages/more.jpg")
    folder.run()
    assert len(records_of(folder)) == 6
    assert "1 photographs without a row" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["my cat (1).jpg", "été 犬.png", "v1.2.final.JPG", "sub/dir/x.webp"]
)
def test_file_names_are_free(folder: Any, name: str) -> None:
    folder.photograph(f"JPEGImages/{name}")
    folder.rows[name] = "cat"
    folder.table()
    folder.write("train.txt", f"{name}\n")
    folder.run(train="train.txt", val="")
    (record,) = records_of(folder).values()
    assert record.id == Path(name).stem and (folder.root / record.path).is_file()


def test_accents_are_the_same_in_either_spelling(folder: Any) -> None:
    folder.photograph("JPEGImages/e\u0301te\u0301.jpg")
    folder.rows["\u00e9t\u00e9.jpg"] = "cat"
    folder.table()
    folder.run(train="", val="")
    assert "\u00e9t\u00e9" in records_of(folder)


def test_masks_follow_the_photograph_as_it_is_displayed(folder: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.photograph("JPEGImages/0.jpg", exif=exif)
    with pytest.raises(BesError, match=r"0\.png: found a mask of 32x24 pixels, expected 24x32"):
        folder.run()
    folder.mask("SegmentationClass/0.png", [0, 8], size=(24, 32))
    folder.run()
    assert (records_of(folder)["0"].width, records_of(folder)["0"].height) == (24, 32)


def test_mask_values_become_label_indices(folder: Any) -> None:
    folder.run(classes=("dog=12", "cat=8"))
    catalog = read_catalog(folder.out / "classes.json")
    assert catalog.classes == ("dog", "cat") and catalog.mask_values == (12, 8)
    record = records_of(folder)["2"]
    assert record.labels == ("dog", "cat") and catalog.indices(record) == [1, 2]
    assert np.unique(read_truth(catalog, record)).tolist() == [0, 1, 2, 255]
    assert read_truth(catalog, record)[0, 1:3].tolist() == [2, 1]


def test_masks_that_contradict_the_labels_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.run()
    assert "4 of 6 masks hold a class that the labels do not name" in capsys.readouterr().out
    for name, values in (("0", [0, 8]), ("1", [0, 12]), ("3", [0, 8]), ("4", [12, 255])):
        folder.mask(f"SegmentationClass/{name}.png", values)
    folder.run()
    assert "do not name" not in capsys.readouterr().out


def test_truth_of_another_size_is_named(folder: Any) -> None:
    folder.run()
    folder.mask("SegmentationClass/0.png", [0, 1], size=(8, 8))
    catalog = read_catalog(folder.out / "classes.json")
    with pytest.raises(BesError, match=r"0\.png.*8x8.*expected.*32x24"):
        read_truth(catalog, records_of(folder)["0"])


def lose(folder: Any, name: str) -> None:
    (folder.root / name).unlink()


def add_row(folder: Any, name: str, labels: str) -> None:
    with open(folder.root / "labels.csv", "a", encoding="utf-8") as file:
        file.write(f"{name},{labels}\n")


CLASSES = ("cat=8", "dog=12")
FAULTS: dict[str, tuple[Callable[[Any], None], dict[str, Any], str]] = {
    "truncated photograph": (
        lambda f: f.write("JPEGImages/0.jpg", (f.root / "JPEGImages/0.jpg").read_bytes()[:300]),
        {},
        r"JPEGImages/0\.jpg: a damaged picture",
    ),
    "photograph that is text": (
        lambda f: f.write("JPEGImages/0.jpg", "hello"),
        {},
        r"JPEGImages/0\.jpg: found .*'hello', expected a picture",
    ),
    "empty photograph": (
        lambda f: f.write("JPEGImages/0.jpg", b""),
        {},
        r"JPEGImages/0\.jpg: an empty file",
    ),
    "missing photograph": (
        lambda f: lose(f, "JPEGImages/3.jpg"),
        {},
        r"labels\.csv: row 5: found no photograph of '3'",
    ),
    "link to nowhere": (
        lambda f: (lose(f, "JPEGImages/3.jpg"), (f.root / "JPEGImages/3.jpg").symlink_to("gone")),
        {},
        r"row 5: found no photograph of '3'",
    ),
    "photograph in another folder": (
        lambda f: add_row(f, "elsewhere/6.jpg", "cat") or f.photograph("JPEGImages/here/6.jpg"),
        {},
        r"row 8: found no photograph of 'elsewhere/6'",
    ),
    "path out of the folder": (
        lambda f: add_row(f, "../../etc/passwd", "cat"),
        {},
        r"row 8: found no photograph of '../../etc/passwd'",
    ),
    "two photographs of one name": (
        lambda f: f.photograph("JPEGImages/0.png"),
        {},
        r"0\.png: found a second file named '0'",
    ),
    "image listed twice": (
        lambda f: add_row(f, "0.jpg", "cat"),
        {},
        r"row 8: found '0' again, first in row 2",
    ),
    "no image name": (lambda f: add_row(f, "", "cat"), {}, r"row 8: found the image name ''"),
    "unknown class": (
        lambda f: add_row(f, "0.jpg", "cat") or f.rows.update({"1.jpg": "dogg"}) or f.table(),
        {"classes": CLASSES},
        r"row 3: found class 'dogg', expected one of cat, dog; did you mean 'dog'",
    ),
    "the background as a label": (
        lambda f: f.rows.update({"1.jpg": "background"}) or f.table(),
        {},
        r"row 3: found the label 'background'",
    ),
    "labels in columns of their own": (
        lambda f: f.rows.update({"1.jpg": "cat,dog"}) or f.table(),
        {},
        r"row 3: found 3 columns, expected 2",
    ),
    "no label column": (
        lambda f: f.write("labels.csv", "image,labels\n0.jpg\n1.jpg,cat\n"),
        {},
        r"row 2: found 1 columns",
    ),
    "no header": (
        lambda f: f.write("labels.csv", "0.jpg,cat\n"),
        {},
        r"labels\.csv: row 1: found '0\.jpg,cat', expected image,labels",
    ),
    "empty table": (lambda f: f.write("labels.csv", ""), {}, r"labels\.csv: row 1: found ''"),
    "table of a header": (
        lambda f: f.write("labels.csv", "image,labels\n"),
        {},
        r"labels\.csv: found no class",
    ),
    "table in another encoding": (
        lambda f: f.write("labels.csv", "image,labels\n0.jpg,caf\u00e9\n".encode("latin-1")),
        {},
        r"labels\.csv: not a CSV in UTF-8",
    ),
    "quote without an end": (
        lambda f: f.write("labels.csv", 'image,labels\n0.jpg,"cat\n1.jpg,dog\n'),
        {},
        r"labels\.csv: not a CSV in UTF-8",
    ),
    "missing table": (lambda f: lose(f, "labels.csv"), {}, r"labels\.csv"),
    "table that is a folder": (lambda f: None, {"labels": "JPEGImages"}, r"JPEGImages"),
    "missing root": (lambda f: f.root.rename(f.root.parent / "x"), {}, r"found no folder"),
    "missing photographs": (lambda f: None, {"photographs": "Images"}, r"Images.*expected it to"),
    "missing masks": (lambda f: None, {"masks": "truth"}, r"dataset\.masks: .*truth"),
    "missing list": (lambda f: None, {"train": "train.txt"}, r"dataset\.train: .*train\.txt"),
    "list that is a folder": (
        lambda f: None,
        {"train": "JPEGImages"},
        r"JPEGImages: cannot be read",
    ),
    "unknown id in a list": (
        lambda f: f.write("ImageSets/Segmentation/val.txt", "4\n77\n"),
        {},
        r"val\.txt: found '77'",
    ),
    "id in both lists": (
        lambda f: f.write("ImageSets/Segmentation/val.txt", "4\n3\n"),
        {},
        r"val\.txt: line 2: found '3', which is listed before",
    ),
    "nothing to train on": (
        lambda f: f.write("ImageSets/Segmentation/train.txt", "\n"),
        {},
        r"found no training photograph",
    ),
    "mask of another size": (
        lambda f: f.mask("SegmentationClass/2.png", [0, 8], size=(16, 24)),
        {},
        r"2\.png: found a mask of 16x24 pixels, expected 32x24",
    ),
    "unknown mask value": (
        lambda f: f.mask("SegmentationClass/2.png", [0, 8, 7]),
        {},
        r"2\.png: found the mask value 7, expected 0, 255 or",
    ),
    "mask of colours": (
        lambda f: Image.new("RGB", (32, 24)).save(f.path("SegmentationClass/2.png")),
        {},
        r"2\.png: a mask of RGB colours, expected",
    ),
    "truncated mask": (
        lambda f: f.write(
            "SegmentationClass/2.png", encode_labels(np.zeros((24, 32), np.uint8))[:-30]
        ),
        {},
        r"2\.png: a damaged picture",
    ),
    "class twice": (
        lambda f: None,
        {"classes": ("cat", "cat")},
        r"classes: found the name cat twice",
    ),
    "value twice": (
        lambda f: None,
        {"classes": ("cat=1", "dog=1")},
        r"classes: found the value 1 twice",
    ),
    "value of the void": (lambda f: None, {"classes": ("cat=255",)}, r"found 'cat=255'"),
    "value of the background": (lambda f: None, {"classes": ("cat=0",)}, r"found 'cat=0'"),
    "the background as a class": (
        lambda f: None,
        {"classes": ("background", "cat", "dog")},
        r"found 'background', expected foreground",
    ),
    "class with a separator": (
        lambda f: None,
        {"classes": ("cat;dog",)},
        r"found the name 'cat;dog'",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_sentence_and_nothing_is_written(folder: Any, case: str) -> None:
    spoil, options, message = FAULTS[case]
    spoil(folder)
    with pytest.raises(BesError, match=message) as error:
        folder.run(**options)
    lines = [line for line in str(error.value).splitlines() if line.strip()]
    assert len(lines) == 1 or "problems in the dataset" in lines[0]
    assert sum(bool(re.search(message, line)) for line in lines) == 1
    assert folder.written() == {}


def test_all_problems_are_reported_at_once(folder: Any, capfd: pytest.CaptureFixture) -> None:
    folder.write("JPEGImages/0.jpg", "no picture")
    folder.mask("SegmentationClass/1.png", [9])
    folder.mask("SegmentationClass/2.png", [0], size=(4, 4))
    add_row(folder, "0.jpg", "cat")
    add_row(folder, "8.jpg", "cat")
    status = main(
        [
            "dataset",
            "--root",
            str(folder.root),
            "--out",
            str(folder.out),
            "--classes",
            "cat=8",
            "dog=12",
        ]
    )
    lines = capfd.readouterr().err.splitlines()
    start = next(i for i, line in enumerate(lines) if "5 problems" in line)
    assert status == 2 and len(lines[start + 1 :]) == 5
    assert folder.written() == {}


def test_a_rerun_reads_only_what_changed(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import bes.data.images

    read: list[str] = []
    original = bes.data.images.read_bytes
    monkeypatch.setattr(
        bes.data.images, "read_bytes", lambda path: read.append(Path(path).name) or original(path)
    )
    folder.run()
    assert len(read) == 12
    before = folder.written()
    read.clear()
    folder.run()
    assert read == [] and folder.written() == before
    folder.photograph("JPEGImages/1.jpg", quality=50)
    folder.run()
    assert read == ["1.jpg"] and folder.written() != before


def test_unchanged_files_keep_their_dates(folder: Any) -> None:
    folder.run()
    dates = {path: path.stat().st_mtime_ns for path in (folder.out / "shards").iterdir()}
    folder.photograph("JPEGImages/1.jpg", quality=50)
    folder.run()
    changed = [path for path, date in dates.items() if path.stat().st_mtime_ns != date]
    assert len(changed) == 1 and "\n1," in changed[0].read_text()


def test_a_new_photograph_moves_no_other_to_another_shard(make_folder: Callable) -> None:
    few, more = make_folder("few"), make_folder("more")
    for i in range(6, 30):
        more.photograph(f"JPEGImages/{i}.jpg")
        more.rows[f"{i}.jpg"] = "cat"
    more.table()
    shards = []
    for folder in (few, more):
        folder.run(train="", val="")
        shards.append(
            {
                record.id: path.stem
                for path in (folder.out / "shards").iterdir()
                for record in read_manifest(path)
            }
        )
    assert len(shards[0]) == 6 and len(shards[1]) == 30
    assert shards[0].items() <= shards[1].items()


def test_fewer_shards_leave_no_old_ones_behind(folder: Any) -> None:
    folder.run(shards=6)
    folder.run(shards=2)
    names = sorted(path.name for path in (folder.out / "shards").iterdir())
    assert names == ["000.csv", "001.csv"]
    train = [r.id for name in names for r in read_manifest(folder.out / "shards" / name)]
    assert sorted(train) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"root": 1, "classes": 2}', "\xff"])
def test_a_damaged_class_list_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BesError, match=r"classes\.json"):
        read_catalog(tmp_path / "classes.json")


@pytest.mark.parametrize("content", ["id,path\n1,2\n", "id\n\xff\n", "id,path,width\n1,2,x\n"])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "images.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(BesError, match=r"images\.csv: not a manifest"):
        read_manifest(tmp_path / "images.csv")


def test_the_class_list_is_readable(folder: Any) -> None:
    folder.run()
    content = json.loads((folder.out / "classes.json").read_text())
    assert content["classes"] == ["cat", "dog"]
