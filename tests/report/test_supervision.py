"""What used more than image-level labels is marked in every table."""

from typing import Any

import pytest

from bes.report.class_tables import class_grid, method_grid
from bes.report.comparison import Comparison, Row
from bes.report.comparison_tables import comparison_grid, experiment_grid
from bes.report.supervision import MORE
from bes.report.tables import score_rows


def scores(*supervised: str) -> dict[str, Any]:
    """The scores of an evaluation, of which some stages used more."""
    found: dict[str, Any] = {"photographs": 1}
    for stage in ("cams", "revised_maps", "pseudo_labels", "predictions"):
        found[stage] = {"miou": 50.0, "threshold": 0.2, "split": "val", "per_class": {}}
        found[stage]["best"] = {"miou": 51.0, "threshold": 0.3}
        if stage in supervised:
            found[stage]["supervision"] = MORE
    return found


def test_a_prior_marks_what_comes_after_it_and_nothing_else() -> None:
    names = [row.name for row in score_rows(scores("pseudo_labels", "predictions"))]
    assert [name for name in names if name.endswith(" (+S)")] == [
        "pseudo label (+S)",
        "prediction, val (+S)",
    ]
    assert not any("+S" in row.name for row in score_rows(scores()))
    rows = class_grid("base", ("cat",), scores("pseudo_labels")).rows
    assert [row[0] for row in rows] == [
        "base, CAM",
        "base, revised maps",
        "base, pseudo labels (+S)",
        "base, predictions",
    ]


@pytest.mark.parametrize("more", [True, False])
def test_the_table_of_methods_says_which_supervision(more: bool) -> None:
    found = scores(*["predictions"] * more)
    row = method_grid("base", ("cat",), found, photographs=3).rows[-1]
    assert row[:2] == (("base (+S)", "I+S") if more else ("base", "I"))


def test_a_comparison_marks_the_rows_of_experiments_that_used_more() -> None:
    found = {"base": scores(), "prior": scores("pseudo_labels")}
    rows = tuple(Row(name, {"pseudo_labels.threshold": 0.2}, {name: "0"}) for name in found)
    compared = Comparison("both", (), rows)
    for grid in (comparison_grid(compared, found), experiment_grid(compared, found)):
        assert [row[0] for row in grid.rows] == ["base", "prior (+S)"]
    swept = Comparison("both", ("pseudo_labels.threshold",), rows[1:])
    assert comparison_grid(swept, found).rows[0][0] == "0.2 (+S)"


def test_a_row_of_one_score_is_marked_where_that_used_more() -> None:
    found = {"prior": scores("pseudo_labels")}
    rows = tuple(
        Row(score, {}, {"prior": "0"}, score=score) for score in ("revised_maps", "pseudo_labels")
    )
    grid = comparison_grid(Comparison("table", (), rows), found)
    assert [row[0] for row in grid.rows] == ["revised_maps", "pseudo_labels (+S)"]
