"""The tables of a comparison: a row for experiments that differ in the seed alone."""

from collections.abc import Mapping
from typing import Any

from bes.report.comparison import SCORES, Comparison, Row
from bes.report.grid import Cell, Grid, Spread, spread_of
from bes.report.published import ablation, published
from bes.report.supervision import marked, more_than_labels


def miou(scores: Mapping[str, Any], score: str) -> float | None:
    """One mIoU of `evaluation/scores.json`, in percent; None where there is none.

    `score` is a key of `bes.report.comparison.SCORES`.
    """
    stage, _, best = score.partition(".")
    found = scores.get(stage, {})
    return (found.get(best, {}) if best else found).get("miou")


def shown_scores(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The keys of `SCORES` without those that no experiment has and that need not be there."""
    there = any("predictions" in score for score in scores.values())
    return [score for score in SCORES if score != "predictions" or there]


def spreads(
    comparison: Comparison, scores: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Spread | None]]:
    """For each row, score -> its spread over the seeds."""
    return [
        {
            score: spread_of([miou(scores[name], score) for name in row.experiments])
            for score in ([row.score] if row.score else shown_scores(scores))
        }
        for row in comparison.rows
    ]


def experiment_grid(comparison: Comparison, scores: Mapping[str, Mapping[str, Any]]) -> Grid:
    """A row for each experiment, with every score: what the other tables come from."""
    keys = shown_scores(scores)
    rows: dict[str, tuple[Cell, ...]] = {}
    for row in comparison.rows:
        for name, seed in row.experiments.items():
            values = (_text(value) for value in row.values.values())
            figures = (miou(scores[name], key) for key in keys)
            more = more_than_labels(scores[name], SCORED)
            rows[name] = (marked(name, more), *values, seed, *figures)
    return Grid(("experiment", *comparison.axes, "seed", *keys), list(rows.values()))


def comparison_grid(comparison: Comparison, scores: Mapping[str, Mapping[str, Any]]) -> Grid:
    """Means and standard deviations over the seeds; mIoU in percent."""
    figures = spreads(comparison, scores)
    skipped = sorted({score["skipped"] for score in scores.values() if "skipped" in score})
    note = "mIoU (%), mean and sample standard deviation over n seeds."
    note = " ".join([note, *(f"Not scored: {reason}." for reason in skipped)])
    seeds = [str(len(row.experiments)) for row in comparison.rows]
    if comparison.rows and comparison.rows[0].score:
        paper = published()["ablation"]
        rows: list[tuple[Cell, ...]] = [
            (
                row_name(row.name, row, scores),
                SCORES[row.score],
                figure[row.score],
                n,
                str(ablation(row.published)) if row.published else "",
            )
            for row, figure, n in zip(comparison.rows, figures, seeds, strict=True)
        ]
        beside = f"published ({paper['on']}, {paper['source']})"
        return Grid(("labels", "scored", "mIoU (%)", "n", beside), rows, note)
    keys = shown_scores(scores)
    # An experiment listed beside a sweep may have the values of one of its own.
    by_axis = bool(comparison.axes) and comparison.told_apart
    return Grid(
        (*(comparison.axes if by_axis else ("experiment",)), *(SCORES[key] for key in keys), "n"),
        [
            (
                row_name(first, row, scores),
                *others,
                *(figure[key] for key in keys),
                n,
            )
            for row, figure, n in zip(comparison.rows, figures, seeds, strict=True)
            for first, *others in [[*map(_text, row.values.values())] if by_axis else [row.name]]
        ],
        note,
    )


SCORED = tuple(dict.fromkeys(key.partition(".")[0] for key in SCORES))
"""The stages that are scored."""


def row_name(name: str, row: Row, scores: Mapping[str, Mapping[str, Any]]) -> str:
    """What begins a row, marked where what is scored there used more than image-level labels."""
    stages = [row.score.partition(".")[0]] if row.score else SCORED
    return marked(name, any(more_than_labels(scores[each], stages) for each in row.experiments))


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
