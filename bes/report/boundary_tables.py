"""Boundary counts of photographs, added up: best F of a dataset, and its precision and recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bes.metrics.boundary import BoundaryScores

Counts = dict[str, dict[str, list[list[Any]]]]
"""Of one photograph: source -> tolerance -> thresholds, matched, predicted and true pixels at each.
A source of lines instead of probabilities has the one threshold None."""


def summary(images: Sequence[Counts]) -> dict[str, Any]:
    """Per source and tolerance, in percent: precision and recall at the best F.

    The F of the dataset (ODS of BSDS) adds up the pixels of all photographs and takes one threshold
    for them; that of the photographs (OIS) takes for each its best threshold, then adds up.
    """
    scores: dict[str, Any] = {"photographs": len(images)}
    for source, tolerances in images[0].items():
        scores[source] = {}
        for tolerance, (thresholds, *_) in tolerances.items():
            each = [_scores(image[source][tolerance]) for image in images]
            total = _total(each)
            best = int(total.f.argmax())
            entry: dict[str, Any] = {
                "precision": _percent(total.precision[best]),
                "recall": _percent(total.recall[best]),
                "f": _percent(total.f[best]),
            }
            if thresholds != [None]:
                entry["threshold"] = thresholds[best]
                picked = _total([_at(score, int(score.f.argmax())) for score in each])
                entry["f_per_photograph"] = _percent(picked.f[0])
            scores[source][tolerance] = entry
    return scores


def curve_rows(images: Sequence[Counts]) -> list[list[Any]]:
    """A header, then a row for each source, tolerance and threshold; scores in percent."""
    rows: list[list[Any]] = [["source", "tolerance", "threshold", "precision", "recall", "f"]]
    for source, tolerances in images[0].items():
        for tolerance, (thresholds, *_) in tolerances.items():
            total = _total([_scores(image[source][tolerance]) for image in images])
            rows += [
                [source, tolerance, threshold, _percent(precision), _percent(recall), _percent(f)]
                for threshold, precision, recall, f in zip(
                    thresholds, total.precision, total.recall, total.f, strict=True
                )
            ]
    return rows


def _scores(counts: list[list[Any]]) -> BoundaryScores:
    thresholds, *pixels = counts
    return BoundaryScores(
        np.array(thresholds, np.float64), *(np.array(n, np.int64) for n in pixels)
    )


def _total(scores: Sequence[BoundaryScores]) -> BoundaryScores:
    first, *others = scores
    return sum(others, first)


def _at(scores: BoundaryScores, index: int) -> BoundaryScores:
    one = slice(index, index + 1)
    return BoundaryScores(
        scores.thresholds[one], scores.matched[one], scores.predicted[one], scores.truth[one]
    )


def _percent(share: float) -> float:
    return round(100 * float(share), 4)
