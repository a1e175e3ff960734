"""Threshold curves and loss curves, as PNG."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bes.report.words import NAMES

COLOURS = ("#0072b2", "#d55e00", "#009e73")
"""Okabe and Ito's, told apart by the colour-blind too."""


@dataclass(frozen=True)
class Curve:
    """mIoU of score maps over the background threshold."""

    name: str
    thresholds: Sequence[float]
    miou: Sequence[float]
    """Percent; NaN where there is none."""
    configured: tuple[float, float]
    """Threshold and mIoU as configured."""
    best: tuple[float, float]
    """Threshold and mIoU of the highest point."""


def score_curves(scores: Mapping[str, Any], thresholds: Sequence[Mapping[str, str]]) -> list[Curve]:
    """Those of the CAMs and the revised maps; none where nothing was scored.

    Args:
        scores: stage `evaluation`'s `scores.json`.
        thresholds: the rows of its `thresholds.csv`.
    """
    # Scored masks may be void all over.
    if "skipped" in scores or scores["cams"]["miou"] is None:
        return []
    found = []
    for stage in ("cams", "revised_maps"):
        score = scores[stage]
        points = [row for row in thresholds if row["stage"] == stage]
        found.append(
            Curve(
                name=NAMES[stage],
                thresholds=[float(point["threshold"]) for point in points],
                miou=[float(point["miou"] or "nan") for point in points],
                configured=(score["threshold"], score["miou"]),
                best=(score["best"]["threshold"], score["best"]["miou"]),
            )
        )
    return found


def threshold_figure(curves: Sequence[Curve]) -> bytes:
    """mIoU over threshold, the configured and the best point of each curve marked.

    Without curves the picture says so.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = axes_of(figure, "background threshold", "mIoU (%)")
    for curve, colour in zip(curves, COLOURS, strict=False):
        axes.plot(curve.thresholds, curve.miou, color=colour, label=curve.name)
        for (threshold, miou), word, face in (
            (curve.configured, "configured", "white"),
            (curve.best, "best", colour),
        ):
            axes.plot(
                threshold,
                miou,
                "o",
                color=colour,
                markerfacecolor=face,
                label=f"{word}: {miou:.1f} at {threshold:g}",
            )
    if curves:
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        say(axes, "no masks, no scores")
    return png(figure)


def loss_figure(trainings: Mapping[str, Mapping[str, Sequence[float]]]) -> bytes:
    """The loss terms of each training over its iterations, and their running means.

    Args:
        trainings: name -> term -> a value for each iteration.
    """
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    if not trainings:
        say(axes_of(figure, "iteration", "loss"), "no network was trained")
    for number, (name, terms) in enumerate(trainings.items(), 1):
        axes = axes_of(
            figure, "iteration", "loss", title=name, position=(1, len(trainings), number)
        )
        for (term, values), colour in zip(terms.items(), COLOURS, strict=False):
            iterations = np.arange(1, len(values) + 1)
            axes.plot(iterations, values, color=colour, alpha=0.2, linewidth=0.8)
            axes.plot(iterations, running_mean(values), color=colour, label=term)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
    return png(figure)


def running_mean(values: Sequence[float]) -> np.ndarray:
    """The mean of each value and its neighbours, of 1/20 of all values at once; float64 (N,)."""
    reach = len(values) // 40
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, np.float64))])
    first = np.maximum(np.arange(len(values)) - reach, 0)
    last = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    return (total[last] - total[first]) / (last - first)


def axes_of(
    figure: Figure, x: str, y: str, *, title: str = "", position: tuple[int, int, int] = (1, 1, 1)
) -> Axes:
    """Axes in the manner of all figures; `position` is (rows, columns, number)."""
    axes = figure.add_subplot(*position, xlabel=x, ylabel=y, title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return axes


def say(axes: Axes, text: str) -> None:
    """Text in the middle of otherwise empty axes."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def png(figure: Figure) -> bytes:
    """The picture, the same bytes for the same figures."""
    content = io.BytesIO()
    # Without the version of matplotlib, so that the bytes tell of the figures alone.
    figure.savefig(content, format="png", dpi=130, metadata={"Software": None})
    return content.getvalue()
