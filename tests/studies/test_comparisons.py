"""A comparison groups experiments by what they differ in besides the seed."""

from typing import Any

import pytest

from bes.errors import BesError
from bes.project.settings import PRESETS, load_project, read_project
from bes.report.comparison import Comparison, comparison_from

SEEDS = [0, 1, 2]
TABLE: dict[str, Any] = {
    "sweeps": {"ablation": {"seed": SEEDS, "classifier": {"pooling": ["gap", "features"]}}}
}


def comparison(config: dict[str, Any], name: str = "ablation") -> Comparison:
    return load_project(config).comparisons[name]


def declare(**keys: Any) -> dict[str, Any]:
    return TABLE | {"comparisons": {"ablation": keys}}


def test_the_seeds_of_a_setting_share_a_row() -> None:
    found = comparison(TABLE)
    assert found.axes == ("classifier.pooling",)
    assert [row.values for row in found.rows] == [
        {"classifier.pooling": "gap"},
        {"classifier.pooling": "features"},
    ]
    for row in found.rows:
        assert list(row.experiments.values()) == ["0", "1", "2"]
        assert all(row.values["classifier.pooling"] in name for name in row.experiments)


def test_a_sweep_of_seeds_alone_is_one_row() -> None:
    (row,) = comparison({"sweeps": {"ablation": {"seed": SEEDS}}}).rows
    assert len(row.experiments) == 3


def test_seeds_of_one_network_share_a_row_too() -> None:
    found = comparison({"sweeps": {"ablation": {"benet": {"seed": SEEDS}}}})
    assert found.axes == ()
    assert [list(row.experiments.values()) for row in found.rows] == [["0", "0 1", "0 2"]]


def test_a_declared_row_takes_the_experiments_with_its_values() -> None:
    rows = {"CAM": {"where": {"classifier": {"pooling": "gap"}}, "score": "cams"}}
    (row,) = comparison(declare(rows=rows)).rows
    assert row.name == "CAM" and row.score == "cams"
    assert sorted(row.experiments) == [f"ablation+pooling=gap+seed={seed}" for seed in SEEDS]


def test_a_later_file_adds_a_row_by_data_alone() -> None:
    config: dict[str, Any] = declare(
        experiments=["wide"],
        sweeps=["ablation"],
        rows={
            "CAM": {"where": {"classifier": {"pooling": "gap"}}, "score": "cams"},
            "wide": {"where": {"boundary_labels": {"window": 17}}, "score": "revised_maps"},
        },
    )
    config["experiments"] = {"wide": {"boundary_labels": {"window": 17}}}
    assert list(comparison(config).rows[1].experiments) == ["wide"]


def test_equal_experiments_count_once() -> None:
    config = declare(sweeps=["ablation"], experiments=["base"])
    rows = {row.values["classifier.pooling"]: row.experiments for row in comparison(config).rows}
    # `base` is the setting of features and seed 0.
    assert len(rows["features"]) == 3


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            {"sweeps": ["ablaton"]},
            r"config: comparisons\.ablation\.sweeps: found no 'ablaton'; did you mean 'ablation'\?",
        ),
        (
            {"experiments": ["bas"]},
            r"comparisons\.ablation\.experiments: found no 'bas'; did you mean 'base'\?",
        ),
        (
            {"rows": {"x": {"where": {"classifier": {"pooling": "class_maps"}}, "score": "cams"}}},
            r"rows\.x\.where: found no experiment with classifier\.pooling: class_maps, expected",
        ),
        (
            {"rows": {"x": {"score": "cams"}}},
            r"rows\.x\.where: found ablation\+pooling=gap\+seed=0 and ablation\+pooling=features",
        ),
        ({"rows": {"x": {"score": "cam"}}}, r"rows\.x\.score: found 'cam', expected one of cams,"),
        (
            {"rows": {"x": {"where": {"classifier": {"poling": 1}}, "score": "cams"}}},
            r"unknown key 'poling' in .*rows\.x\.where\.classifier; did you mean 'pooling'\?",
        ),
        (
            {"rows": {"x": {"score": "cams", "published": "CAMs"}}},
            r"rows\.x\.published: found 'CAMs', expected one of CAM; attention-pooling CAM; ",
        ),
        ({"rows": {1: {"score": "cams"}}}, r"ablation\.rows: found the name 1, expected text"),
        (
            {"rows": {"a\nb": {"score": "cams"}}},
            r"ablation\.rows: .*'a\\nb', expected a line of text",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BesError, match=sentence):
        load_project(declare(**keys))


@pytest.mark.parametrize("name", ["cams", "all", "fig4"])
def test_a_comparison_is_not_called_as_a_rule(name: str) -> None:
    with pytest.raises(BesError, match=f"config: sweeps: found the name '{name}'"):
        load_project({"sweeps": {name: {"seed": [0]}}})


def test_no_experiment_takes_the_folder_of_the_comparisons() -> None:
    with pytest.raises(BesError, match="config: experiments: found the name 'comparisons'"):
        load_project({"experiments": {"comparisons": None}})


def test_a_plan_is_read_as_it_was_written() -> None:
    found = comparison(TABLE)
    assert comparison_from(found.as_json()) == Comparison(found.name, found.axes, found.rows)
    with pytest.raises((KeyError, TypeError)):
        comparison_from({"rows": []})


def test_the_threshold_of_the_cams_is_that_of_their_boundaries_too() -> None:
    options = load_project({"evaluation": {"cam_threshold": 0.19}}).experiments["base"].options
    assert options["boundary_scores"].cam_threshold == 0.19


def test_the_studies_of_the_paper_resolve() -> None:
    studies = PRESETS.parent / "studies"
    layers = [studies / "table1.yaml", studies / "irnet.yaml"]
    rows = read_project(layers[:1], []).comparisons["table1"].rows
    assert [len(row.experiments) for row in rows] == [3] * 6
    compared = read_project(layers, []).comparisons["table1"].rows
    assert [len(row.experiments) for row in compared] == [3] * 8
    assert all("irnet-seed" in name for row in compared[6:] for name in row.experiments)
    assert {"fig3a", "fig3b"} <= read_project([studies / "fig3.yaml"], []).comparisons.keys()
