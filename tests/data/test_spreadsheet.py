"""No cell that a spreadsheet would run, and every name comes back as it was."""

import csv
import io
import re

import pytest

from bes.data.ranking import RankedLabel, ranking_csv, read_ranking
from bes.data.spreadsheet import plain, to_csv
from bes.report.grid import Grid
from bes.report.grid import to_csv as grid_csv
from bes.report.measures import Facts, Measured, measures_csv, read_measures
from bes.report.tables import Score, scores_csv

HARMFUL = ["=1+1", "-x", "+x", "@SUM(1)", "=HYPERLINK(0)", "\uff1d1", "'=1", "''-x"]
HARMLESS = ["cat", "'til", "x=1", "-", "a-b", "'"]
FORMULA = re.compile("[-=+@\uff1d].")


def cells(text: str) -> list[str]:
    """As a spreadsheet sees them, one that splits at semicolons too."""
    return [
        part for row in csv.reader(io.StringIO(text)) for cell in row for part in cell.split(";")
    ]


@pytest.mark.parametrize("name", HARMFUL + HARMLESS)
def test_names_come_back(name: str) -> None:
    text = to_csv([[name, -1.5, None, 3]])
    (row,) = csv.reader(io.StringIO(text))
    assert not FORMULA.match(row[0]) and plain(row[0]) == name
    assert row[1:] == ["-1.5", "", "3"]
    assert row[0] == name or name in HARMFUL


def test_labels_come_back_one_by_one(tmp_path) -> None:
    numbers = dict.fromkeys(("score", "stability", "separation", "agreement", "boundary"), 0.5)
    rows = [
        RankedLabel(
            1,
            "=1+1",
            ("-x", "cat", "=y"),
            **numbers,
            margin=0.25,
            frame=0.5,
            colour=0.5,
            reason="@x",
        ),
        RankedLabel(
            2, "a", (), **numbers, margin=0.25, frame=0.5, colour=0.5, reason="no class to find"
        ),
    ]
    text = ranking_csv(rows)
    (tmp_path / "ranking.csv").write_text(text, encoding="utf-8")
    assert not any(map(FORMULA.match, cells(text)))
    assert [(r.image, r.labels) for r in read_ranking(tmp_path / "ranking.csv")] == [
        ("=1+1", ("-x", "cat", "=y")),
        ("a", ()),
    ]


def test_no_table_of_the_report_holds_a_formula() -> None:
    names = ["=1+1", "-x"]
    rows = [Measured("=a", "train", Facts("=a", 0.1, 0.2, 0.3, False), 50.0, {"-x": 40.0})]
    measured = measures_csv(rows, names)
    assert read_measures(measured, names) == rows
    scores = scores_csv([Score("+x", None, 50.0, None, {"-x": 40.0})], names)
    grid = grid_csv(Grid(("method", *names), [("=1+1", "-x", 0.5)])).decode()
    for text in (measured, scores, grid):
        assert not any(map(FORMULA.match, cells(text)))
