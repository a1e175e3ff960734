"""Comparisons, boundary scores and tables as targets: they share what they can."""

import re
from typing import Any

from bes.stages.comparison import FILES as COMPARISON_FILES


def test_a_sweep_is_a_target_that_computes_no_cam(project: Any) -> None:
    sweep = {"pseudo_labels": {"threshold": [0.5, 0.7]}}
    project.configure({"sweeps": {"background": sweep}})
    before = project.folder("cams").stat().st_mtime_ns
    project.run("background")
    folder = project.path / "results/tiny/comparisons/background"
    assert all((folder / file).exists() for file in COMPARISON_FILES)
    assert (folder / "table.csv").read_text().count("\n") == 3
    assert project.folder("cams").stat().st_mtime_ns == before
    computed = {path.name for path in (project.path / "results/tiny").glob("background+*/*")}
    assert computed == {"pseudo_labels", "evaluation"}

    # By hand it says the same, and finds it done.
    done = project.bes("comparison", "background")
    assert done.returncode == 0, done.stderr
    assert "comparison: up to date" in done.stderr
    assert done.stdout == (folder / "table.md").read_text()
    refused = project.bes("comparison", "foreground")
    assert refused.returncode == 2
    assert "found 'foreground', expected one of background" in refused.stderr


def test_the_figure_and_the_tables_of_a_run_are_targets(project: Any) -> None:
    assert project.is_done()
    project.run("fig4", "table2_to_4")
    assert (project.folder("boundary_scores") / "curve.png").exists()
    assert (project.folder("tables") / "per_class.tex").exists()
    assert project.computed() == {}


def test_a_row_without_its_experiment_ends_the_run_before_it_starts(project: Any) -> None:
    rows = {"x": {"where": {"cams": {"flip": True}}, "score": "cams"}}
    project.configure({"comparisons": {"one": {"experiments": ["base"], "rows": rows}}})
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert re.search(r"rows\.x\.where: found no experiment with cams\.flip: True", done.stderr)
