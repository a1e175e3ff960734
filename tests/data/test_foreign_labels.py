"""Tables of other tools are read as they are meant, or the place of the fault is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from bes.data.csv_tables import read_csv
from bes.data.foreign_labels import as_table, read_foreign
from bes.errors import BesError

PHOTOGRAPHS = ["0.jpg", "1.jpg", "2.jpg"]


def read(folder: Path, name: str, content: Any, photographs: list[str] = PHOTOGRAPHS) -> Any:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return read_foreign([folder / name], photographs)


def coco(names: list[str], categories: list[str], **each: Any) -> dict[str, Any]:
    """A photograph of each name with one object, of the category of its number."""
    return {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories)],
        "annotations": [{"image_id": i, "category_id": i, **each} for i in range(len(names))],
    }


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("t.csv", "file;label\n0.jpg;cat\n1.jpg;dog\n2.jpg;cat|dog\n"),
        ("t.csv", "file\tlabel\n0.jpg\tcat\n1.jpg\tdog\n2.jpg\tcat,dog\n"),
        ("t.tsv", "file\tlabel\n0.jpg\tcat\n1.jpg\tdog\n2.jpg\tcat,dog\n"),
        ("t.csv", "file;cat;dog\n0.jpg;1;0\n1.jpg;0;1\n2.jpg;1;1\n"),
        ("t.csv", "file,cat,dog\n0.jpg,1,\n1.jpg,,1\n2.jpg,1,1\n"),
        ("t.csv", "file,cat,dog\n0.jpg,yes,no\n1.jpg,No,Yes\n2.jpg,x,x\n"),
        ("t.csv", "file,cat,dog\n0.jpg,T,F\n1.jpg,f,t\n2.jpg,Y,✓\n"),
        ("t.csv", "file;cat;dog\n0.jpg;WAHR;FALSCH\n1.jpg;FALSCH;WAHR\n2.jpg;WAHR;WAHR\n"),
        ("t.csv", "file;cat;dog\n0.jpg;1,0;0,0\n1.jpg;0,00;1,00\n2.jpg;1;1.0\n"),
        ("t.csv", "file,cat,dog\n0.jpg,+,-\n1.jpg,nan,+\n2.jpg,+,+\n"),
        ("t.csv", "note,file,cat,dog\nA,0.jpg,1,0\nB,1.jpg,0,1\n,2.jpg,1,1\n"),
        ("t.json", '{"0.jpg": ["cat"], "1": "dog", "a/2.jpg": ["cat", "dog"]}'),
        (
            "t.json",
            '{"0": {"cat": 1, "dog": 0}, "1": {"cat": 0, "dog": 1}, "2": {"cat": 1, "dog": 1}}',
        ),
        ("t.csv", "file,label\n0.jpg,['cat']\n1.jpg,\"['dog']\"\n2.jpg,\"['cat', 'dog']\"\n"),
    ],
)
def test_whatever_separates_columns_and_whatever_says_yes(
    tmp_path: Path, name: str, table: str
) -> None:
    assert read(tmp_path, name, table) == {
        "0.jpg": ["cat"],
        "1.jpg": ["dog"],
        "2.jpg": ["cat", "dog"],
    }


def test_the_numbers_of_classes_are_labels_too(tmp_path: Path) -> None:
    numbers = zip(PHOTOGRAPHS, (0, 7, "a"), strict=True)
    rows = [{"file_name": name, "label": label} for name, label in numbers]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    found = read(tmp_path, "metadata.jsonl", lines)
    assert found == {"0.jpg": ["0"], "1.jpg": ["7"], "2.jpg": ["a"]}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("file,cat,dog\n0.jpg,2,0\n1.jpg,0,1\n2.jpg,1,1\n", "0.jpg: found '2' in the column 'cat'"),
        (
            "cat,dog,file\n0,1,0.jpg\n1,?,1.jpg\n1,1,2.jpg\n",
            "1.jpg: found '[?]' in the column 'dog'",
        ),
        ("file,cat\n0.jpg,0\n1.jpg,1\n0.jpg,1\n", "found '0.jpg' again, with other classes"),
        ("file,cat,Cat\n0.jpg,0,1\n1.jpg,1,0\n", "found two columns 'cat'"),
        ("file,cat,cat\n0.jpg,0,1\n1.jpg,1,0\n", "found two columns 'cat'"),
        ("file,label\n0.jpg,cat,dog\n1.jpg,dog\n", "0.jpg: found 3 columns, expected 2"),
        ("file,label\n0.jpg,\"array(['cat'])\"\n", r"found the label \"array\(\['cat'\]\)\""),
    ],
)
def test_no_class_is_lost_to_an_odd_cell(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(BesError, match=f"t.csv: .*{sentence}"):
        read(tmp_path, "t.csv", table)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,cat,dog\n0.jpg,1,2\n1.jpg,0,3\n", ["columns of t.csv not read: dog"]),
        ("file,label,label2,id,x\n0.jpg,cat,dog,1,\n", ["columns of t.csv not read: label2"]),
        (
            "file,label\n0.jpg,cat\n9.jpg,cat\n8.jpg,dog\n,\n",
            [
                "2 rows of t.csv of none of the photographs, or of several, left out, "
                "such as '9.jpg'"
            ],
        ),
        ("file,label\n0.jpg,cat\n1.jpg,dog\n", []),
    ],
)
def test_rows_and_columns_that_are_left_out_are_said(
    tmp_path: Path, table: str, said: list[str]
) -> None:
    (tmp_path / "t.csv").write_text(table)
    notes: list[str] = []
    read_foreign([tmp_path / "t.csv"], PHOTOGRAPHS, notes)
    assert notes == said


def test_a_class_may_be_called_like_another_one_and_a_number(tmp_path: Path) -> None:
    found = read(tmp_path, "t.csv", "file,cat,cat (2)\n0.jpg,1,0\n1.jpg,0,1\n")
    assert found == {"0.jpg": ["cat"], "1.jpg": ["cat (2)"]}


def test_tables_of_something_else_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "t.csv", "a,b\n7,8,9\nx,y\n") is None
    sizes = "file,width,megapixels\n0.jpg,640,0.3\n1.jpg,1,2.4\n2.jpg,800,1.1\n"
    assert read(tmp_path, "t.csv", sizes) is None


@pytest.mark.parametrize("name", ["road|street", "road;street"])
def test_a_class_that_no_table_could_keep_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BesError, match=r"c\.json: 0\.jpg: found the label 'road.street'"):
        read(tmp_path, "c.json", coco(["0.jpg"], [name]))


def test_two_photographs_of_one_name_do_not_share_labels(tmp_path: Path) -> None:
    two = coco(["a/0.jpg", "b/0.jpg"], ["cat", "dog"])
    with pytest.raises(BesError, match=r"'a/0\.jpg' and 'b/0\.jpg', of which there is only 0\.jpg"):
        read(tmp_path, "c.json", two)
    found = read(tmp_path, "c.json", two, ["a/0.jpg", "b/0.jpg"])
    assert found == {"a/0.jpg": ["cat"], "b/0.jpg": ["dog"]}


def test_a_name_is_an_address_only_where_it_is_no_name(tmp_path: Path) -> None:
    files = ["a b.jpg", "a%20b.jpg", "100%25.jpg", "c d.jpg"]
    rows = "a b.jpg,cat\na%20b.jpg,dog\n100%25.jpg,owl\nc%20d.jpg,fox\n"
    found = read(tmp_path, "t.csv", f"file,label\n{rows}", files)
    assert found == dict(zip(files, (["cat"], ["dog"], ["owl"], ["fox"]), strict=True))


@pytest.mark.parametrize(("crowd", "shown"), [(0, True), ("0", True), (1, False), ("1", False)])
def test_crowds_are_no_objects_however_they_are_written(
    tmp_path: Path, crowd: Any, shown: bool
) -> None:
    found = read(tmp_path, "c.json", coco(["0.jpg"], ["cat"], iscrowd=crowd))
    assert found == ({"0.jpg": ["cat"]} if shown else None)


@pytest.mark.parametrize("annotations", [5, [{"result": None}], [None], [{"result": [3]}]])
def test_tasks_without_a_result_have_no_label(tmp_path: Path, annotations: Any) -> None:
    choice = [{"result": [{"value": {"choices": ["cat"]}}]}]
    tasks = [
        {"data": {"image": "0.jpg"}, "annotations": annotations},
        {"data": {"image": "1.jpg"}, "annotations": choice},
    ]
    found = read(tmp_path, "t.json", tasks)
    assert found.pop("1.jpg") == ["cat"] and found in ({}, {"0.jpg": []})


@pytest.mark.parametrize("names", [["cat"], ["dining table"], ["a,b"], ["cat", "dining table"]])
def test_what_is_written_is_read_as_it_was(tmp_path: Path, names: list[str]) -> None:
    labels = {"my\rphoto.jpg": names, "b.jpg": []}
    text = as_table(labels)
    rows = read_csv(Path("t.csv"), text, ()).rows
    assert {image: shown for _, image, shown in rows} == labels
