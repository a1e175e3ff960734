"""Experiments side by side: means by hand, what is missing, what is done already."""

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bes.errors import BesError
from bes.report.comparison import Comparison, Row
from bes.report.comparison_tables import comparison_grid
from bes.report.grid import Spread
from bes.stages.comparison import FILES, comparison_code, run_comparison

from .conftest import scores_of

Write = Callable[..., dict[str, Path]]
SEEDS = Comparison(
    "t", ("classifier.pooling",), (Row("", {"classifier.pooling": "gap"}, {"a": "0", "b": "1"}),)
)
ROW = Comparison("t", (), (Row("AP", {}, {"a": "0", "b": "1"}, "pseudo_labels", "CAM"),))


def swept(axes: dict[str, list[Any]]) -> Comparison:
    """A row for each combination, of one experiment each: `0`, `1`, ..."""
    combinations = itertools.product(*axes.values())
    rows = [
        Row(str(number), dict(zip(axes, values, strict=True)), {str(number): "0"})
        for number, values in enumerate(combinations)
    ]
    return Comparison("t", tuple(axes), tuple(rows))


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_mean_and_sd_over_the_seeds_by_hand(write_scores: Write, tmp_path: Path) -> None:
    folders = write_scores({"a": scores_of(66.0), "b": scores_of(67.0)})
    run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    (row,) = read(tmp_path / "out" / "table.csv")
    assert row["classifier.pooling"] == "gap" and row["n"] == "2"
    assert float(row["pseudo label"]) == 66.5
    assert float(row["pseudo label SD"]) == pytest.approx(0.5**0.5, abs=1e-4)
    assert float(row["CAM, best"]) == 52.0
    each = read(tmp_path / "out" / "scores.csv")
    assert [(row["experiment"], row["seed"], row["pseudo_labels"]) for row in each] == [
        ("a", "0", "66.0"),
        ("b", "1", "67.0"),
    ]


def test_a_published_number_is_marked_as_one(write_scores: Write, tmp_path: Path) -> None:
    folders = write_scores({"a": scores_of(66.0), "b": scores_of(67.0)})
    run_comparison(ROW, evaluations=folders, out=tmp_path / "out")
    (row,) = read(tmp_path / "out" / "table.csv")
    assert row["published (VOC 2012 train, Table 1)"] == "49.6"
    assert row["labels"] == "AP" and row["scored"] == "pseudo label"


def test_an_unknown_published_entry_is_named() -> None:
    row = Row("AP", {}, {"a": "0"}, "pseudo_labels", "CAMs")
    with pytest.raises(BesError, match="published: found 'CAMs', expected one of: CAM; "):
        comparison_grid(Comparison("t", (), (row,)), {"a": scores_of(60)})


def test_predictions_are_a_column_once_there_are_some() -> None:
    scores = {"a": scores_of(60), "b": scores_of(61)}
    assert "prediction" not in comparison_grid(SEEDS, scores).columns
    for score in scores.values():
        score["predictions"] = {"miou": 58.0, "split": "val", "per_class": {}}
    grid = comparison_grid(SEEDS, scores)
    assert grid.rows[0][grid.columns.index("prediction")] == Spread(58.0, 0.0, 2)


def test_a_missing_experiment_is_named(write_scores: Write, tmp_path: Path) -> None:
    folders = write_scores({"a": scores_of(66.0)}) | {"b": tmp_path / "b" / "evaluation"}
    with pytest.raises(BesError, match=r"b/evaluation/scores\.json: no such file.*scores of b"):
        run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_masks_the_table_says_so(write_scores: Write, tmp_path: Path) -> None:
    skipped = {"skipped": "no training photograph has a mask"}
    folders = write_scores({"a": skipped, "b": skipped})
    run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    assert "no training photograph has a mask" in (tmp_path / "out" / "table.md").read_text()
    Image.open(tmp_path / "out" / "figure.png").verify()


def test_nothing_is_written_twice(
    write_scores: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = write_scores({"a": scores_of(66.0), "b": scores_of(67.0)})
    run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    before = {file: (tmp_path / "out" / file).stat().st_mtime_ns for file in FILES}
    run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    assert "up to date" in capsys.readouterr().err
    assert before == {file: (tmp_path / "out" / file).stat().st_mtime_ns for file in FILES}
    write_scores({"b": scores_of(68.0)})
    run_comparison(SEEDS, evaluations=folders, out=tmp_path / "out")
    assert "67.00 ± 1.41" in (tmp_path / "out" / "table.md").read_text()
    # Another comparison of the same scores is another table.
    run_comparison(ROW, evaluations=folders, out=tmp_path / "out")
    assert "AP" in (tmp_path / "out" / "table.md").read_text()


def test_other_published_numbers_are_another_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = {comparison_code()}
    for content in ("one", "two"):
        path = tmp_path / content
        path.write_text(content)
        monkeypatch.setattr("bes.stages.comparison.PATH", path)
        codes.add(comparison_code())
    assert len(codes) == 3


LINES = {
    "one number": ({"classifier.attention_k": [0.0, 0.001, 1.0]}, 1, 3),
    "two numbers": ({"b.theta_diff": [0.1, 0.2], "b.theta_scale": [0.3, 0.35, 0.4]}, 3, 3),
    "a word": ({"classifier.pooling": ["gap", "features"]}, 1, 6),
}


@pytest.mark.parametrize("axes, panels, lines", LINES.values(), ids=LINES)
def test_a_swept_number_is_drawn_as_lines(
    axes: dict[str, list[Any]], panels: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bes.report import comparison_figure as drawing

    comparison = swept(axes)
    scores = {row.name: scores_of(60.0 + int(row.name)) for row in comparison.rows}
    monkeypatch.setattr(drawing, "png", lambda figure: figure)
    figure: Any = drawing.comparison_figure(comparison, scores)
    assert len(figure.axes) == panels
    assert {len(one.containers) for one in figure.axes} == {lines}


def test_what_a_sweep_shares_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from bes.report import comparison_figure as drawing

    comparison = swept({"b.theta_diff": [0.1, 0.2], "b.theta_scale": [0.3, 0.4]})
    scores = {row.name: scores_of(60.0 + int(row.name)) for row in comparison.rows}
    for score in scores.values():
        score["cams"]["miou"] = 48.0
    monkeypatch.setattr(drawing, "png", lambda figure: figure)
    figure: Any = drawing.comparison_figure(comparison, scores)
    assert [axes.get_title() for axes in figure.axes] == ["revised map", "pseudo label"]
