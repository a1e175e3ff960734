"""Verdicts of people are read, and rejected photographs are marked in the manifest."""

from pathlib import Path
from typing import Any

import pytest

from bes.data.manifest import read_manifest
from bes.data.review import Verdict, read_review, review_csv
from bes.errors import BesError
from bes.stages.shared.dataset_kinds import DatasetOptions, stamp_of

ROWS = [
    Verdict("=1+1", "accepted", "ann", "2026-01-02T03:04:05+00:00", "0a1b"),
    Verdict("b c", "rejected"),
]


def rejected(folder: Any) -> list[str]:
    return [record.id for record in read_manifest(folder.out / "images.csv") if record.rejected]


def test_what_is_written_is_read_again_and_no_spreadsheet_runs_it(tmp_path: Path) -> None:
    text = review_csv(reversed(ROWS))
    assert text.splitlines()[:2] == [
        "image,verdict,who,when,digest",
        "'=1+1,accepted,ann,2026-01-02T03:04:05+00:00,0a1b",
    ]
    (tmp_path / "review.csv").write_text(text)
    assert list(read_review(tmp_path / "review.csv").values()) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "image,verdict\n1.jpg,rejected\n2.jpg,accepted\n",
        "\ufeffimage;verdict;who;when\r\n1;Rejected;;\r\n2;corrected;;\r\n;;;\r\n",
        "verdict,image\nrejected,photos/1.jpg\n",
        "sep=;\r\nimage;verdict\r\n1;rejected\r\n",
        "image\tverdict\n1\trejected\n",
        "\n Image,Verdict,remark\n1,REJECTED,why\n",
    ],
)
def test_a_table_may_be_as_people_and_spreadsheets_write_it(folder: Any, text: str) -> None:
    folder.write("verdicts.csv", text)
    folder.run(review="verdicts.csv")
    assert rejected(folder) == ["1"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "image,labels\n1,cat\n",
            "row 1: found 'image,labels', expected image,verdict,who,when,digest",
        ),
        ("image,verdict\n1,good\n", "row 2: found the verdict 'good', expected accepted, rejected"),
        ("image,verdict\n1,accepted\n1.jpg,rejected\n", "row 3: found '1', which is listed before"),
        (
            "image,verdict\n" + "".join(f"{n},rejected\n" for n in range(4)),
            "found every training photograph rejected",
        ),
        (
            "image,verdict,verdict\n1,accepted,rejected\n",
            "row 1: found 'image,verdict,verdict', expected image,verdict,who,when,digest",
        ),
        ("image,verdict\n\n\n1,good\n", "row 4: found the verdict 'good', expected"),
        (f"{'x' * 200_000},verdict\n", r"line 1: not a CSV \(field larger"),
    ],
)
def test_a_table_with_faults_is_refused(folder: Any, text: str, sentence: str) -> None:
    folder.write("review.csv", text)
    with pytest.raises(BesError, match=rf"review\.csv: {sentence}"):
        folder.run(review="review.csv")


def test_a_table_that_is_not_there_yet_has_no_verdict_and_is_named(
    folder: Any, capsys: Any
) -> None:
    options = DatasetOptions(root=str(folder.root), review="review.csv")
    assert "review.csv" not in stamp_of(options)
    folder.run(review="review.csv")
    assert f"no verdict yet: found no file {folder.root}/review.csv" in capsys.readouterr().out
    assert rejected(folder) == []
    folder.write("review.csv", "image,verdict\n1,rejected\n")
    assert "review.csv" in stamp_of(options)
    folder.run(review="review.csv")
    assert rejected(folder) == ["1"]


def test_a_table_of_another_name_that_is_not_there_is_named(folder: Any) -> None:
    with pytest.raises(BesError, match=r"dataset\.review: found no file .*/reviw\.csv"):
        folder.run(review="reviw.csv")


def test_a_verdict_is_of_the_image_that_is_called_just_so(folder: Any) -> None:
    folder.rows |= {"1.jpg.png": "cat"}
    folder.photograph("JPEGImages/1.jpg.png")
    folder.table()
    folder.write("ImageSets/Segmentation/train.txt", "0\n1\n1.jpg.png\n")
    folder.write("review.csv", review_csv([Verdict("1.jpg", "rejected")]))
    folder.run(review="review.csv")
    assert rejected(folder) == ["1.jpg"]


def test_a_folder_is_no_table(folder: Any) -> None:
    folder.path("review.csv/x")
    with pytest.raises(BesError, match=r"dataset\.review: found a folder .*/review\.csv"):
        folder.run(review="review.csv")


def test_without_the_option_no_table_is_read(folder: Any) -> None:
    folder.write("review.csv", "image,verdict\n1,rejected\n")
    folder.run()
    assert rejected(folder) == []


def test_verdicts_on_no_training_photograph_are_counted(folder: Any, capsys: Any) -> None:
    folder.write("review.csv", "image,verdict\n1,rejected\n4,rejected\nnobody,accepted\n")
    folder.run(review="review.csv")
    said = capsys.readouterr().out.splitlines()
    assert "rejected: 1" in said and "2 verdicts on no training photograph, left out" in said
    assert rejected(folder) == ["1"]


def test_the_table_is_a_file_that_a_run_depends_on(folder: Any) -> None:
    options = DatasetOptions(root=str(folder.root), review="review.csv")
    sources = []
    for text in ("image,verdict\n", "image,verdict\n1,rejected\n"):
        folder.write("review.csv", text)
        sources.append(stamp_of(options))
    assert sources[0] != sources[1]


def test_a_verdict_changes_its_row_alone(folder: Any) -> None:
    folder.run()
    before = (folder.out / "images.csv").read_text().splitlines()
    folder.write("review.csv", "image,verdict\n1,rejected\n2,accepted\n")
    folder.run(review="review.csv")
    after = (folder.out / "images.csv").read_text().splitlines()
    assert [new[0] for new, old in zip(after, before, strict=True) if new != old] == ["1"]


@pytest.mark.parametrize("photographs", ["JPEGImages", "."])
def test_what_a_review_writes_is_no_photograph_mask_or_class(
    folder: Any, capsys: Any, photographs: str
) -> None:
    folder.run(photographs=photographs)
    before = (folder.out / "images.csv").read_bytes()
    folder.mask("corrections/1.png", [0, 2])
    folder.write("scribbles/1.json", "{}")
    folder.write("review.csv", "image,verdict\n1,corrected\n")
    folder.run(photographs=photographs)
    assert (folder.out / "images.csv").read_bytes() == before
