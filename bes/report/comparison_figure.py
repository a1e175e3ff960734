"""The scores of a comparison as PNG: lines over a swept number, or a point for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bes.report.comparison import SCORES, Comparison, Row
from bes.report.comparison_tables import row_name, spreads
from bes.report.figures import COLOURS, axes_of, png, say
from bes.report.grid import Spread
from bes.report.published import ablation, published

STAGES = ("cams", "revised_maps", "pseudo_labels")
"""The scores that are drawn, as configured."""

Scored = list[tuple[Row, dict[str, Spread | None]]]


def comparison_figure(comparison: Comparison, scores: Mapping[str, Mapping[str, Any]]) -> bytes:
    """One number swept: a line for each stage. Two: a panel for each stage, over the first, with a
    line for each value of the second. Otherwise, and for declared rows, a point for each row.

    Bars are standard deviations over the seeds.
    """
    rows = [replace(row, name=row_name(row.name, row, scores)) for row in comparison.rows]
    scored = list(zip(rows, spreads(comparison, scores), strict=True))
    axes = comparison.axes if comparison.told_apart else ()
    if not any(spread for _, spread_of in scored for spread in spread_of.values()):
        figure = Figure(figsize=(6, 4), layout="constrained")
        say(axes_of(figure, "", "mIoU (%)"), "no masks, no scores")
    elif axes and all(_is_number(row.values[axis]) for row, _ in scored for axis in axes):
        figure = (_lines if len(axes) == 1 else _panels if len(axes) == 2 else _points)(
            scored, *axes[:2]
        )
    else:
        figure = _points(scored)
    return png(figure)


def _lines(scored: Scored, axis: str) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = axes_of(figure, _key(axis), "mIoU (%)")
    for stage, colour in zip(STAGES, COLOURS, strict=True):
        _line(axes, scored, axis, stage, SCORES[stage], colour)
    _scale(axes, [row.values[axis] for row, _ in scored])
    axes.legend(frameon=False)
    return figure


def _panels(scored: Scored, first: str, second: str) -> Figure:
    # What is shared by all of a sweep is no result of it.
    stages = [stage for stage in STAGES if _varies(scored, stage)] or list(STAGES)
    figure = Figure(figsize=(1 + 4.6 * len(stages), 4), layout="constrained")
    values = sorted({row.values[second] for row, _ in scored})
    for number, stage in enumerate(stages, 1):
        axes = axes_of(
            figure, _key(first), "mIoU (%)", title=SCORES[stage], position=(1, len(stages), number)
        )
        for index, value in enumerate(values):
            colour = colormaps["viridis"](0.9 * index / max(len(values) - 1, 1))
            chosen = [item for item in scored if item[0].values[second] == value]
            _line(axes, chosen, first, stage, f"{value:g}", colour)
        _scale(axes, [row.values[first] for row, _ in scored])
    axes.legend(frameon=False, title=_key(second), loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _points(scored: Scored, *_: str) -> Figure:
    """Rows from the top down; the published score of a row is a hollow diamond."""
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(scored)), layout="constrained")
    axes = axes_of(figure, "mIoU (%)", "")
    colours = dict(zip(STAGES, COLOURS, strict=True))
    for height, (row, spread_of) in enumerate(scored):
        for score, spread in spread_of.items():
            stage = score.partition(".")[0]
            if spread is None or (not row.score and score not in STAGES):
                continue
            colour = colours.get(stage, "black")
            axes.errorbar(
                spread.mean,
                height,
                xerr=spread.sd,
                fmt="o",
                color=colour,
                capsize=3,
                label=SCORES[stage],
            )
        if row.published:
            axes.plot(
                ablation(row.published),
                height,
                "D",
                color="grey",
                markerfacecolor="none",
                label=f"published, {published()['ablation']['on']}",
            )
    axes.set_yticks(range(len(scored)), [row.name for row, _ in scored])
    axes.invert_yaxis()
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), frameon=False, fontsize="small")
    return figure


def _line(axes: Axes, scored: Scored, axis: str, stage: str, label: str, colour: Any) -> None:
    points = sorted(
        (row.values[axis], spread) for row, spread_of in scored if (spread := spread_of[stage])
    )
    axes.errorbar(
        [value for value, _ in points],
        [spread.mean for _, spread in points],
        yerr=[spread.sd or 0 for _, spread in points] if any(s.sd for _, s in points) else None,
        marker="o",
        markersize=4,
        capsize=3,
        color=colour,
        label=label,
    )


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """Powers of ten are drawn at equal steps, 0 before them."""
    above = sorted({value for value in values if value > 0})
    if above and above[-1] >= 50 * above[0]:
        axes.set_xscale("symlog", linthresh=above[0])
    axes.set_xticks(sorted(set(values)), [f"{value:g}" for value in sorted(set(values))])
    axes.minorticks_off()


def _key(axis: str) -> str:
    return axis.partition(".")[2]


def _varies(scored: Scored, stage: str) -> bool:
    return len({spread.mean for _, spread_of in scored if (spread := spread_of[stage])}) > 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
