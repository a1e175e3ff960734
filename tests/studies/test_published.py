"""The published rows are those that the paper prints, and stand beside VOC's classes alone."""

import csv
from pathlib import Path
from typing import Any

import pytest

from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.errors import BesError
from bes.incremental.stage import NoOptions
from bes.incremental.whole import run_whole
from bes.project.settings import read_project
from bes.report.class_tables import class_grid, method_grid
from bes.report.grid import to_latex
from bes.report.published import ablation, published
from bes.stages.tables import STAGE

from .conftest import CLASSES, scores_of

ROOT = Path(__file__).parents[2]
VOC = tuple(published()["classes"])


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_classes_of_a_published_row_have_its_published_mean(split: str) -> None:
    for method, row in published()["per_class"][split]["rows"].items():
        assert len(row["iou"]) == 21
        assert sum(row["iou"]) / 21 == pytest.approx(row["miou"], abs=0.06), method


def test_the_same_network_has_the_same_mean_in_tables_2_to_4() -> None:
    methods = {row["method"]: row for row in published()["methods"]["rows"]}
    for split in ("val", "test"):
        for method in ("BES, DeepLab-ASPP", "SSDD"):
            row = published()["per_class"][split]["rows"][method]
            assert methods[method][split] == row["miou"]


def test_the_classes_of_voc_have_the_published_rows_above_their_own() -> None:
    grid = class_grid("base", VOC, scores_of(66.9, classes=VOC))
    assert grid.columns[:5] == ("method", "on", "source", "bkg", "aero")
    assert [row[2] for row in grid.rows] == ["Table 2"] * 7 + ["Table 3"] * 7 + ["this run"] * 3
    assert grid.rows[6][-1] == 65.7 and grid.rows[-1][-1] == 66.9
    assert grid.rows[-1][:3] == ("base, pseudo labels", "train", "this run")


def test_published_rows_follow_the_order_of_the_classes() -> None:
    grid = class_grid("base", VOC[::-1], scores_of(66.9, classes=VOC))
    assert grid.columns[3:5] == ("bkg", "tv")
    assert grid.rows[6][3:5] == (88.9, 44.8)


def test_each_class_of_this_run_has_its_own_figure() -> None:
    scores = scores_of(66.9)
    figures = {"background": 90.0, "cat": 1.0, "dog_house": 2.0, "50% & more": None}
    scores["pseudo_labels"]["per_class"] = figures
    grid = class_grid("base", CLASSES, scores)
    row = dict(zip(grid.columns, grid.rows[-1], strict=True))
    assert {name: row[name] for name in figures} == figures and row["mean"] == 66.9


def test_other_classes_have_no_published_rows() -> None:
    scores = scores_of(66.9)
    assert {row[2] for row in class_grid("base", CLASSES, scores).rows} == {"this run"}
    assert method_grid("base", CLASSES, scores, photographs=480).rows == []


def test_predictions_are_a_row_with_their_split() -> None:
    scores = scores_of(66.9, classes=VOC)
    scores["predictions"] = {"split": "val", "miou": 61.3, "per_class": {"cat": 80.0}}
    row = class_grid("base", VOC, scores).rows[-1]
    assert row[:3] == ("base, predictions", "val", "this run") and row[-1] == 61.3
    row = method_grid("base", VOC, scores, photographs=10582).rows[-1]
    assert row == ("base", "I", "", "10582", 61.3, None, "this run")


def test_names_of_classes_are_escaped_for_latex() -> None:
    assert (
        r"dog\_house & 50\% \& more"
        in to_latex(class_grid("base", CLASSES, scores_of(50.0))).decode()
    )


def tabulate(base: Path, evaluation: Path, classes: tuple[str, ...]) -> Path:
    """The stage's folder, of a dataset with two photographs to train on and one held out."""
    records = [
        ImageRecord(name, f"{name}.jpg", 4, 4, ("cat",), split, "")
        for name, split in (("a", "train"), ("b", "train"), ("c", "val"))
    ]
    catalog = Catalog(base, classes, tuple(range(1, len(classes) + 1)))
    write_dataset(base / "dataset", records=records, catalog=catalog, shards=1)
    run_whole(
        STAGE,
        options=NoOptions(),
        dataset=base / "dataset",
        folders={"evaluation": evaluation},
        out=base / "base" / "tables",
        threads=1,
    )
    return base / "base" / "tables"


def test_the_table_of_methods_counts_the_photographs_to_train_on(
    write_scores: Any, tmp_path: Path
) -> None:
    scores = scores_of(66.9, classes=VOC)
    scores["predictions"] = {"split": "val", "miou": 61.3, "per_class": {}}
    out = tabulate(tmp_path, write_scores({"base": scores})["base"], VOC)
    *_, row = csv.reader((out / "methods.csv").read_text().splitlines())
    assert row[0] == "base" and row[3] == "2"


def test_the_stage_writes_each_table_three_times(write_scores: Any, tmp_path: Path) -> None:
    out = tabulate(tmp_path, write_scores({"base": scores_of(66.9)})["base"], CLASSES)
    names = {f"{kind}.{end}" for kind in ("per_class", "methods") for end in ("csv", "md", "tex")}
    assert names <= {path.name for path in out.iterdir()}
    rows = list(csv.reader((out / "per_class.csv").read_text().splitlines()))
    assert rows[-1] == ["base, pseudo labels", "train", "this run", *["66.9"] * 5]
    with pytest.raises(BesError, match=r"whole\.json: no such receipt; run `bes evaluation` f"):
        tabulate(tmp_path, tmp_path / "gone" / "evaluation", CLASSES)


def test_the_studies_that_come_along_are_valid() -> None:
    files = sorted((ROOT / "config" / "studies").glob("*.yaml"))
    comparisons = read_project([ROOT / "config" / "config.yaml", *files], []).comparisons
    assert {"table1", "fig3a", "fig3b"} <= set(comparisons)
    assert len(comparisons["fig3a"].rows) == 20
    for row in comparisons["table1"].rows:
        assert len(row.experiments) == 3
        assert not row.published or ablation(row.published) > 49
