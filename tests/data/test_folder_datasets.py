"""What users write about their photographs is understood, or the place of the fault is named."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from small_datasets import SIZE

from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.truth import read_truth
from bes.errors import BesError
from bes.stages.dataset import left_out_of
from bes.stages.shared.dataset_kinds import DatasetOptions, stamp_of


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


def test_a_photograph_is_not_its_own_mask(folder: Any) -> None:
    shutil.rmtree(folder.root / "SegmentationClass")
    for i in range(6):
        Image.new("L", SIZE).save(folder.root / f"JPEGImages/{i}.png")
        (folder.root / f"JPEGImages/{i}.jpg").unlink()
    folder.mask("0.png", [0, 1])
    folder.run(masks=".")
    assert [r.mask for r in records_of(folder).values()] == ["0.png", "", "", "", "", ""]


def test_a_part_may_be_named_by_its_whole_path(folder: Any) -> None:
    folder.mask("corrections/0.png", [0])
    given = {"masks": "SegmentationClass", "corrections": "corrections", "photographs": "."}
    folder.run(**given)
    before = records_of(folder)
    folder.run(**{name: str(folder.root.absolute() / part) for name, part in given.items()})
    assert records_of(folder) == before and before["0"].correction == "corrections/0.png"


@pytest.mark.parametrize("line", ["one two.jpg one", "one two", "one three 1"])
def test_a_line_with_several_images_is_refused(folder: Any, line: str) -> None:
    folder.rows |= {f"{name}.jpg": "cat" for name in ("one", "two", "three")}
    for name in ("one", "two", "three"):
        folder.photograph(f"JPEGImages/{name}.jpg")
    folder.table()
    folder.write("ImageSets/Segmentation/train.txt", f"0\n{line}\n")
    with pytest.raises(BesError, match=r"line 2: found '(one|two|three|one two)"):
        folder.run()


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
        "0\r1\r",
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
    assert "1 photograph without labels" in capsys.readouterr().out


def test_photographs_without_a_row_are_left_out_and_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.photograph("JPEGImages/more.jpg")
    folder.write("JPEGImages/other.heic", "not read")
    folder.run()
    assert len(records_of(folder)) == 6
    said = capsys.readouterr().out
    assert "1 photograph without a row in the table, left out, such as JPEGImages/more.jpg" in said
    assert left_out_of(folder.out) == 2
    # Those to test on have no row either, and take part.
    folder.photograph("JPEGImages/next/later.jpg")
    folder.run(test="JPEGImages/next")
    assert left_out_of(folder.out) == 2


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
    folder.mask("SegmentationClass/0.png", [0, 1], size=(24, 32))
    folder.run()
    assert (records_of(folder)["0"].width, records_of(folder)["0"].height) == (24, 32)


def test_mask_values_become_label_indices(folder: Any) -> None:
    with_voc_masks(folder)
    folder.run(classes=("dog=12", "cat=8"))
    catalog = read_catalog(folder.out / "classes.json")
    assert catalog.classes == ("dog", "cat") and catalog.mask_values == (12, 8)
    record = records_of(folder)["2"]
    assert record.labels == ("dog", "cat") and catalog.indices(record) == [1, 2]
    assert np.unique(read_truth(catalog, record)).tolist() == [0, 1, 2, 255]
    assert read_truth(catalog, record)[0, 1:3].tolist() == [2, 1]


def with_voc_masks(folder: Any) -> None:
    """Masks with the numbers of PASCAL VOC, 8 cat and 12 dog."""
    for image in range(6):
        folder.mask(f"SegmentationClass/{image}.png", [0, 8, 12, 255])


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_vocs_numbers_are_taken_for_what_they_are_where_they_are_declared_alone(
    folder: Any, classes: tuple[str, ...]
) -> None:
    folder.run()
    assert read_catalog(folder.out / "classes.json").mask_values == (1, 2)
    with_voc_masks(folder)
    with pytest.raises(BesError) as error:
        folder.run(classes=classes)
    heading, *problems = str(error.value).splitlines()
    assert heading == "6 problems in the dataset:"
    assert "found the mask value 8, expected 0, 255 or the value of a class: 1, 2" in problems[0]
    line = "if the masks have PASCAL VOC's numbers, give `classes: [cat=8, dog=12]`"
    assert problems[-1].endswith(line) and str(error.value).count("VOC") == 1
    folder.run(classes=("cat=8", "dog=12"))


def test_vocs_numbers_that_fit_as_others_are_found_out_by_the_labels(folder: Any) -> None:
    """Of bicycle, bird and boat, 1 to 3 here, VOC's masks have 2 to 4."""
    names = ["bicycle", "bird", "boat"]
    folder.rows = {f"{i}.jpg": names[i % 2] for i in range(5)} | {"5.jpg": "boat"}
    folder.table()
    for image in range(5):
        folder.mask(f"SegmentationClass/{image}.png", [0, 2 + image % 2])
    folder.mask("SegmentationClass/5.png", [0, 255])
    expected = (
        r"5 of 6 masks hold a class that the labels do not name, and none if they have PASCAL "
        r"VOC's numbers; .*`classes: \[bicycle=2, bird=3, boat=4\]`"
    )
    with pytest.raises(BesError, match=expected):
        folder.run()
    folder.run(classes=("bicycle=2", "bird=3", "boat=4"))
    folder.run(classes=("bicycle=1", "bird=2", "boat=3"))


def test_other_numbers_have_to_be_declared_too(folder: Any) -> None:
    folder.rows = dict.fromkeys(folder.rows, "rust")
    folder.table()
    for image in range(6):
        folder.mask(f"SegmentationClass/{image}.png", [0, 7])
    with pytest.raises(BesError, match=r"other numbers, give them with `classes: \[rust=NUMBER, "):
        folder.run()
    folder.run(classes=("rust=7",))


def test_a_table_without_a_label_is_the_only_fault_of_masks_with_classes(folder: Any) -> None:
    folder.rows = dict.fromkeys(folder.rows, "")
    folder.table()
    with pytest.raises(BesError, match=r"^\S+labels\.csv: found no class, expected one or more$"):
        folder.run()


def test_something_has_to_be_learnt(folder: Any) -> None:
    folder.rows |= dict.fromkeys(("0.jpg", "1.jpg", "2.jpg", "3.jpg"), "")
    folder.table()
    with pytest.raises(BesError, match=r"labels\.csv: found no class of any training photograph"):
        folder.run()


def test_masks_that_contradict_the_labels_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.run()
    assert "4 of 6 masks hold a class that the labels do not name" in capsys.readouterr().out
    for name, values in (("0", [0, 1]), ("1", [0, 2]), ("3", [0, 1]), ("4", [2, 255])):
        folder.mask(f"SegmentationClass/{name}.png", values)
    folder.run()
    assert "do not name" not in capsys.readouterr().out


# Files of one name


def test_a_folder_of_pngs_beside_the_photographs_disturbs_nothing(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    """Corrections that are not configured, say; wherever the photographs lie."""
    for i in range(6):
        for kind, ending in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
            where = folder.path(f"{'' if i < 4 else 'pets/'}{i}.{ending}")
            (folder.root / kind / f"{i}.{ending}").rename(where)
    (folder.root / "JPEGImages").rmdir()
    options = {"masks": "."}
    folder.run(**options)
    before = folder.written()["images.csv"]
    for i in range(6):
        folder.mask(f"corrected/{i}.png", [0, 1])
        folder.mask(f"a/b/{i}.png", [0, 1])
    folder.run(**options)
    assert folder.written()["images.csv"] == before
    # Of masks; beside them no PNG is a photograph.
    left_out = "12 files of the same name as a photograph or mask, left out"
    assert left_out in capsys.readouterr().out
    folder.run()
    assert {record.path for record in records_of(folder).values()} == {
        *(f"{i}.jpg" for i in range(4)),
        "pets/4.jpg",
        "pets/5.jpg",
    }
    assert not any(record.mask for record in records_of(folder).values())
    assert "18 files of the same name" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "files", "meant"),
    [
        ("0", ["0.jpg", "x/0.png"], "0.jpg"),
        ("0", ["0.png", "x/0.png"], "0.png"),
        ("0.png", ["0.png", "x/0.png"], "0.png"),
        ("0.png", ["0.jpg", "0.png"], "0.png"),
        ("0.JPG", ["0.jpg", "0.png", "x/0.jpg"], "0.jpg"),
        ("0.jpg", ["0.png"], "0.png"),
        ("0.jpg", ["0.JPG", "0.jpg"], "0.jpg"),
        ("0.JPG", ["0.JPG", "0.jpg"], "0.JPG"),
        ("0", ["a/0.jpg", "b/0.png"], "a/0.jpg"),
        ("0.png", ["a/0.jpg", "b/0.png"], "b/0.png"),
        ("a/0", ["a/0.png", "b/0.png"], "a/0.png"),
        ("a/0.jpg", ["a/0.jpg", "b/0.jpg", "0.jpg"], "a/0.jpg"),
        ("0.jpg", ["x/0.png"], "only x/0.png, of another ending"),
        ("0.png", ["a/0.png", "b/0.png"], "found a second file named '0' beside a/0.png"),
        ("0", ["0.jpg", "0.bmp"], "found a second file named '0' beside 0.bmp"),
        ("0", ["a/0.jpg", "b/0.webp"], "found a second file named '0' beside a/0.jpg"),
    ],
)
@pytest.mark.parametrize("photographs", ["", "JPEGImages"])
def test_of_files_with_one_name_the_one_that_the_table_names(
    folder: Any, photographs: str, named: str, files: list[str], meant: str
) -> None:
    for old in ("JPEGImages", "SegmentationClass"):
        shutil.rmtree(folder.root / old)
    for name in files:
        folder.photograph(f"{photographs}/{name}".lstrip("/"))
    folder.write("labels.csv", f"image,labels\n{named},cat\n")
    options = {"train": "", "val": "", "masks": ""}
    if meant in files:
        folder.run(**options)
        (record,) = records_of(folder).values()
        assert record.path == f"{photographs}/{meant}".lstrip("/")
    else:
        with pytest.raises(BesError) as error:
            folder.run(**options)
        assert meant in str(error.value).replace("JPEGImages/", "")


def test_truth_of_another_size_is_named(folder: Any) -> None:
    folder.run()
    folder.mask("SegmentationClass/0.png", [0, 1], size=(8, 8))
    catalog = read_catalog(folder.out / "classes.json")
    with pytest.raises(BesError, match=r"0\.png.*8x8.*expected.*32x24"):
        read_truth(catalog, records_of(folder)["0"])


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


def test_the_class_list_is_readable(folder: Any) -> None:
    folder.run()
    content = json.loads((folder.out / "classes.json").read_text())
    assert content["classes"] == ["cat", "dog"]


@pytest.mark.parametrize("content", ["", "[]", "5", '{"JPEGImages/0.jpg": 5}', '{"a": {}}'])
def test_a_damaged_memo_of_the_files_is_forgotten(folder: Any, content: str) -> None:
    folder.run()
    before = folder.written()
    (folder.out / "_memo/files.json").write_text(content)
    folder.run()
    assert folder.written()["images.csv"] == before["images.csv"]


# Everything is used, or left out with the reason

MADE_BY_SYSTEMS = [
    "@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/old.jpg",
    "$RECYCLE.BIN/old.jpg",
    "lost+found/old.jpg",
    "__MACOSX/0.jpg",
    "System Volume Information/old.jpg",
    ".thumbnails/0.jpg",
    "Thumbs.db",
    "desktop.ini",
]


@pytest.mark.parametrize("form", ["table", "classes"])
def test_what_a_system_made_is_passed_over(
    folder: Any, form: str, capsys: pytest.CaptureFixture
) -> None:
    labels = "labels.csv"
    if form == "classes":
        for i in range(6):
            photo = (folder.root / f"JPEGImages/{i}.jpg").read_bytes()
            folder.write(f"sorted/{'dog' if i % 2 else 'cat'}/{i}.jpg", photo)
        labels = "sorted"
    folder.run(labels=labels)
    before, said = records_of(folder), capsys.readouterr().out
    for name in MADE_BY_SYSTEMS:
        places = ("JPEGImages/sub", "JPEGImages", "SegmentationClass", "sorted", "sorted/dog")
        for place in places[:3] if form == "table" else places[3:]:
            folder.photograph("x.jpg")
            folder.write(f"{place}/{name}", (folder.root / "x.jpg").read_bytes())
    folder.run(labels=labels)
    assert records_of(folder) == before
    assert capsys.readouterr().out.replace("6 files to check", "") == said


@pytest.mark.parametrize("form", ["table", "classes"])
def test_results_among_the_photographs_are_passed_over(folder: Any, form: str) -> None:
    for i in range(6):
        (folder.path(f"{'dog' if i % 2 else 'cat'}/{i}.jpg")).write_bytes(
            (folder.root / f"JPEGImages/{i}.jpg").read_bytes()
        )
    shutil.rmtree(folder.root / "JPEGImages")
    folder.write("labels.csv", "image,labels\n" + "".join(f"{i},cat dog\n" for i in range(6)))
    folder.out = folder.root / "results/p/base/dataset"
    options = {"labels": "labels.csv" if form == "table" else "."}
    folder.run(**options)
    before = records_of(folder), stamp_of(DatasetOptions(root=str(folder.root), **options))
    folder.mask("results/p/base/pseudo_labels/0.png", [0, 1])
    folder.photograph("results/p/base/report/page/pictures/photograph/0.webp")
    folder.photograph("results/p/base/quality/sheet.png")
    folder.run(**options)
    after = records_of(folder), stamp_of(DatasetOptions(root=str(folder.root), **options))
    assert after == before and len(before[0]) == 6


READ = [
    *("jpg", "JPG", "jpeg", "jpe", "jfif", "jif", "png", "apng", "webp", "tif", "tiff", "bmp"),
    *("dib", "gif", "avif", "jp2", "j2k", "ppm", "pnm"),
]


@pytest.mark.parametrize("with_ending", [True, False])
def test_every_kind_of_picture_that_can_be_read_is_looked_at(
    folder: Any, with_ending: bool
) -> None:
    folder.rows = {}
    for ending in READ:
        folder.photograph("x.png")
        folder.write(f"JPEGImages/a_{ending}.{ending}", (folder.root / "x.png").read_bytes())
        folder.rows[f"a_{ending}" + f".{ending}" * with_ending] = "cat"
    folder.table()
    folder.run(train="", val="", masks="")
    assert sorted(records_of(folder)) == sorted(f"a_{ending}" for ending in READ)


@pytest.mark.parametrize("form", ["table", "classes"])
def test_files_that_are_no_photographs_are_counted(
    folder: Any, form: str, capsys: pytest.CaptureFixture
) -> None:
    labels, place = "labels.csv", "JPEGImages"
    if form == "classes":
        labels, place = "sorted", "sorted/cat"
        folder.photograph("sorted/cat/0.jpg")
    for name in ("7.JXL", "8.jxl", "7.dng", "notes.txt", "1.txt", "README"):
        folder.write(f"{place}/{name}", "x")
    (folder.root / place / "gone.jpg").symlink_to("nowhere")
    folder.run(labels=labels, train="", val="", masks="")
    said = capsys.readouterr().out
    assert "3 photographs not read, left out: 2 .jxl, 1 .dng; convert to JPEG" in said
    assert "3 files of another kind than photographs, left out: 2 .txt, 1 without an ending" in said
    assert f"1 file that cannot be opened or named, left out, such as {place}/gone.jpg" in said


def test_a_root_with_all_in_it_counts_only_what_is_no_part(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    for name in ("review.csv", "scribbles/1.json", "corrections/1.png"):
        folder.write(name, "x")  # a review that nothing names
    folder.run(photographs=".")
    assert "left out" not in capsys.readouterr().out
    folder.write("todo.txt", "x")
    folder.run(photographs=".")
    assert "1 file of another kind than photographs, left out: 1 .txt" in capsys.readouterr().out


def test_masks_that_are_not_used_are_counted(folder: Any, capsys: pytest.CaptureFixture) -> None:
    for i in range(3):
        folder.mask(f"SegmentationClass/{i}_mask.png", [0])
    for i in range(2):
        folder.write(f"SegmentationClass/{i}.tif", "x")
    folder.run()
    said = capsys.readouterr().out
    assert "3 masks in SegmentationClass of no row of the table, left out" in said
    assert "2 files in SegmentationClass of another kind than PNG, left out: 2 .tif" in said


def test_masks_without_what_the_labels_name_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    for i in range(6):
        folder.mask(f"SegmentationClass/{i}.png", [0, 8, 255])
    folder.run(classes=("cat=8", "dog=12"))
    said = capsys.readouterr().out
    assert "4 of 6 masks lack a class that the labels name" in said
    assert "no mask of 4 whose labels name 'dog' holds its value, 12: it is not scored" in said
    assert "'cat' holds" not in said
    for i in range(6):
        folder.mask(f"SegmentationClass/{i}.png", [0, 8, 12, 255])
    folder.run(classes=("cat=8", "dog=12"))
    assert "lack" not in capsys.readouterr().out


def test_masks_and_corrections_of_void_alone_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    for i in range(3):
        folder.mask(f"SegmentationClass/{i}.png", [0, 255])
    folder.mask("corrected/1.png", [0, 255])
    folder.run(corrections="corrected")
    said = capsys.readouterr().out
    assert "3 of 6 masks hold 0 and 255 alone; 255 is void" in said
    assert "1 of 1 corrections hold 0 and 255 alone; 255 is void" in said


def test_photographs_with_several_pictures_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    pages = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    folder.rows = dict.fromkeys(("a.gif", "b.tif", "c.webp", "d.jpg"), "cat")
    for name in folder.rows:
        save = {"format": "MPO"} if name == "d.jpg" else {}
        pages[0].save(
            folder.path(f"JPEGImages/{name}"), save_all=True, append_images=pages[1:], **save
        )
    folder.table()
    for _ in range(2):  # read, and remembered
        folder.run(train="", val="", masks="")
        note = "3 photographs with more pictures than one in the file, such as JPEGImages/a.gif"
        assert note in capsys.readouterr().out


def test_a_photograph_that_is_trained_on_and_held_out_is_named(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    shutil.copy(folder.root / "JPEGImages/0.jpg", folder.root / "JPEGImages/5.jpg")
    folder.run()
    assert (
        "1 training photograph equal to one of val, such as JPEGImages/0.jpg as "
        "JPEGImages/5.jpg; expected others"
    ) in capsys.readouterr().out


def test_a_photograph_that_is_trained_on_twice_is_named(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    for copy in (3, 1):
        shutil.copy(folder.root / "JPEGImages/0.jpg", folder.root / f"JPEGImages/{copy}.jpg")
    folder.run()
    assert (
        "2 training photographs equal to another one, 1 with other labels, such as "
        "JPEGImages/1.jpg as JPEGImages/0.jpg; expected each once"
    ) in capsys.readouterr().out


def test_a_table_may_name_photographs_by_their_whole_paths(folder: Any) -> None:
    folder.photograph("JPEGImages/a/0.jpg")
    folder.rows = {
        f"{folder.root}/JPEGImages/a/0.jpg": "cat",
        "photographs/JPEGImages/1.jpg": "dog",
    }
    folder.table()
    folder.run(train="", val="", masks="")
    assert [r.path for r in records_of(folder).values()] == [
        "JPEGImages/a/0.jpg",
        "JPEGImages/1.jpg",
    ]


def test_photographs_that_fill_few_of_their_bits_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    grey = np.random.default_rng(0).integers(0, 4096, (24, 32)).astype(np.uint16)
    folder.rows = {"g.png": "cat", "c.png": "cat", "t.tif": "cat", "bright.png": "cat"}
    for name in ("g.png", "t.tif"):
        cv2.imwrite(str(folder.path(f"JPEGImages/{name}")), grey)
    cv2.imwrite(str(folder.path("JPEGImages/c.png")), np.dstack([grey // 4] * 3))
    cv2.imwrite(str(folder.path("JPEGImages/bright.png")), grey * 16)
    folder.table()
    for _ in range(2):  # read, and remembered
        folder.run(train="", val="", masks="")
        note = "3 photographs of 16 bits a channel without a value above 4095 of 65535"
        found = capsys.readouterr().out
        assert note in found and "dataset.bit_depth, such as 12" in found
    folder.run(train="", val="", masks="", bit_depth=12)
    assert "1 photograph of 16 bits a channel without a value above 1023 of 4095" in (
        capsys.readouterr().out
    )
    assert read_catalog(folder.out / "classes.json").bit_depth == 12


def test_a_photograph_changed_under_its_old_date_is_read_again(folder: Any) -> None:
    folder.run()
    path = folder.root / "JPEGImages/0.jpg"
    before, stat = records_of(folder)["0"].digest, path.stat()
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    folder.run()
    assert records_of(folder)["0"].digest != before


def test_a_folder_to_test_on_has_photographs_without_labels(folder: Any) -> None:
    folder.photograph("next/new.jpg")
    folder.photograph("next/deep/er.jpg")
    folder.write("next/notes.txt", "no photograph")
    folder.run(test="next")
    records = records_of(folder)
    assert {name for name, record in records.items() if record.split == "test"} == {"new", "er"}
    assert records["new"].path == "next/new.jpg" and records["new"].labels == ()
    assert records["new"].held_out and records["0"].split == "train"
    # Among the photographs, they are not of the training.
    folder.photograph("JPEGImages/later/er.jpg")
    folder.run(test="JPEGImages/later")
    assert [r.id for r in records_of(folder).values() if r.split == "test"] == ["er"]


def test_a_folder_to_test_on_lies_anywhere(folder: Any, tmp_path: Any) -> None:
    folder.photograph("next/new.jpg")
    elsewhere = tmp_path / "elsewhere"
    (folder.root / "next").rename(elsewhere)
    folder.run(test=str(elsewhere))
    assert records_of(folder)["new"].path == str(elsewhere / "new.jpg")


def test_photographs_to_test_on_have_names_of_their_own(folder: Any) -> None:
    folder.photograph("next/3.jpg")
    with pytest.raises(BesError, match=r"found a second photograph named '3' beside .*predict"):
        folder.run(test="next")
    folder.path("empty/notes.txt").write_text("")
    with pytest.raises(BesError, match="empty: found no photograph to test on, expected one"):
        folder.run(test="empty")
    with pytest.raises(BesError, match=r"dataset\.test: found nothing at"):
        folder.run(test="gone")


def test_photographs_to_test_on_are_no_class(folder: Any) -> None:
    for name in ("cat", "dog", "next"):
        folder.photograph(f"folders/{name}/{name}.jpg")
    folder.run(labels="folders", test="folders/next", train="", val="", masks="")
    records = records_of(folder)
    assert {name: record.split for name, record in records.items()} == {
        "cat": "train",
        "dog": "train",
        "next": "test",
    }
    assert read_catalog(folder.out / "classes.json").classes == ("cat", "dog")


@pytest.mark.parametrize("test", ["JPEGImages", "."])
def test_no_photograph_is_both_trained_and_tested_on(folder: Any, test: str) -> None:
    with pytest.raises(
        BesError, match=r"0\.jpg: found a photograph to test on that is of the trai"
    ):
        folder.run(test=test)


@pytest.mark.parametrize("name", [" .jpg", "\u200b.jpg", "a\x1b.jpg"])
def test_a_photograph_to_test_on_has_a_name(folder: Any, name: str) -> None:
    folder.photograph(f"next/{name}")
    with pytest.raises(BesError, match=r"found the image name '.*', expected a file name"):
        folder.run(test="next")


def test_a_file_name_may_hold_what_ends_a_line_on_old_systems(folder: Any) -> None:
    folder.photograph("JPEGImages/a\rb.jpg")
    folder.rows["a b.jpg"] = "cat"
    folder.table()
    folder.run(train="", val="")
    assert records_of(folder)["a b"].path == "JPEGImages/a\rb.jpg"


@pytest.mark.parametrize("name", ["background", "__background__", "_Background"])
def test_the_background_is_no_class(folder: Any, name: str) -> None:
    with pytest.raises(BesError, match=f"classes: found '{name}', expected foreground classes"):
        folder.run(classes=(name, "cat", "dog"))


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("cat 1.jpg", "cat 1"),
        ("cat 1", "cat 1"),
        ("/JPEGImages/0.jpg /SegmentationClass/1.png", "0"),
        ("0 1", "0"),
        ("0 -1", "0"),
        ("JPEGImages/0.jpg 17", "0"),
        ("a day/in may/my cat.jpg", "my cat"),
        ("other 1.jpg", None),
        ("unnamed 1.jpg", None),
    ],
)
def test_a_line_of_a_list_names_one_image(folder: Any, line: str, image: str | None) -> None:
    """`unnamed 1.jpg` is there without a row, `other 1.jpg` is not; `other` and `unnamed` are."""
    for name in ("cat.jpg", "cat 1.jpg", "my cat.jpg", "other.jpg", "unnamed.jpg"):
        folder.photograph(f"JPEGImages/{name}")
        folder.rows[name] = "cat"
    folder.photograph("JPEGImages/unnamed 1.jpg")
    folder.table()
    folder.write("my.txt", f"{line}\n")
    if image is None:
        with pytest.raises(BesError, match=r"my\.txt: line 1: found '(other|unnamed) 1', expected"):
            folder.run(train="", val="my.txt")
    else:
        folder.run(train="", val="my.txt")
        assert [r.id for r in records_of(folder).values() if r.split == "val"] == [image]
