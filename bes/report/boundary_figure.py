"""Boundary precision over recall, as PNG."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from bes.report.figures import COLOURS, axes_of, png, say
from bes.report.words import NAMES

SOURCES = ("boundary_maps", "cams", "pseudo_labels")


def boundary_figure(scores: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> bytes:
    """A panel for each tolerance: the curve of the boundary maps, a point for each other source.

    Args:
        scores: of `boundary_tables.summary`, or with `skipped`.
        rows: of `boundary_tables.curve_rows`.
    """
    tolerances = list(next(iter(scores[name] for name in SOURCES if name in scores), {}))
    figure = Figure(figsize=(4.4 * max(len(tolerances), 1), 4), layout="constrained")
    if not tolerances:
        say(axes_of(figure, "recall (%)", "precision (%)"), "no masks, no scores")
        return png(figure)
    for number, tolerance in enumerate(tolerances, 1):
        axes = axes_of(
            figure,
            "recall (%)",
            "precision (%)",
            title=f"within {100 * float(tolerance):g} % of the diagonal",
            position=(1, len(tolerances), number),
        )
        for source, colour in zip(SOURCES, COLOURS, strict=True):
            score = scores[source][tolerance]
            # Where nothing is found there is no precision, and the curve would jump to 0.
            points = [row for row in rows if row[:2] == [source, tolerance] and row[4] > 0]
            if len(points) > 1:
                axes.plot([row[4] for row in points], [row[3] for row in points], color=colour)
            label = f"{NAMES[source]}, F {score['f']:.1f}"
            axes.plot(score["recall"], score["precision"], "o", color=colour, label=label)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.legend(frameon=False, loc="lower left")
    return png(figure)
