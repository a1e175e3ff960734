"""The tables of the report: a row per kind of map, and a row per class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bes.data.manifest import BACKGROUND, ImageRecord
from bes.data.spreadsheet import to_csv
from bes.report.supervision import marked, more_than_labels

MIN_AVERAGE_PRECISION = 0.5
"""A class that the classifier ranks worse than this is warned of."""


@dataclass(frozen=True)
class Score:
    """One way to make labels; all scores are in percent."""

    name: str
    threshold: float | None
    """Background score; None for the pseudo labels, which need none."""
    miou: float | None
    gain: float | None
    """mIoU over that of the CAMs at their best threshold."""
    per_class: dict[str, float | None]
    """IoU by class name; empty where the evaluation did not count it."""


def score_rows(scores: Mapping[str, Any]) -> list[Score]:
    """The rows of `evaluation/scores.json`; none where there was nothing to score."""

    def row(name: str, stage: str, score: Mapping[str, Any], gain: float | None = None) -> Score:
        name = marked(name, more_than_labels(scores, [stage]))
        return Score(name, score.get("threshold"), score["miou"], gain, score.get("per_class", {}))

    rows = []
    if "skipped" not in scores:
        reference = scores["cams"]["best"]["miou"]
        for name, stage, score in (
            ("CAM, configured", "cams", scores["cams"]),
            ("CAM, best", "cams", scores["cams"]["best"]),
            ("revised map, configured", "revised_maps", scores["revised_maps"]),
            ("revised map, best", "revised_maps", scores["revised_maps"]["best"]),
            ("pseudo label", "pseudo_labels", scores["pseudo_labels"]),
        ):
            known = None not in (score["miou"], reference)
            rows.append(row(name, stage, score, score["miou"] - reference if known else None))
    # Of other photographs, so not to be compared.
    if "predictions" in scores:
        split = scores["predictions"].get("split", "val")
        rows.append(row(f"prediction, {split}", "predictions", scores["predictions"]))
    return rows


def scores_csv(rows: Sequence[Score], classes: Sequence[str]) -> str:
    """The rows as CSV, with a column for the background and each class."""
    names = [BACKGROUND, *classes]
    table: list[list[object]] = [["labels", "threshold", "miou", *names]]
    for row in rows:
        per_class = (row.per_class.get(name) for name in names)
        table.append([row.name, row.threshold, row.miou, *per_class])
    return to_csv(table)


@dataclass(frozen=True)
class ClassFigures:
    """What is known of one class; IoU, precision and recall are in percent, empty without masks."""

    name: str
    photographs: int | None
    """Training photographs that show it; None for the background."""
    iou: dict[str, float | None]
    """By stage; of maps at the configured thresholds."""
    precision: float | None
    """Of the pseudo label."""
    recall: float | None
    average_precision: float | None
    """Of the classifier, in [0, 1]."""

    @property
    def weak(self) -> bool:
        """Whether the classifier hardly knows the class."""
        return self.average_precision is not None and self.average_precision < MIN_AVERAGE_PRECISION


def class_rows(
    classes: Sequence[str],
    records: Sequence[ImageRecord],
    *,
    average_precision: Mapping[str, float | None],
    per_class: Sequence[Mapping[str, str]],
) -> list[ClassFigures]:
    """The background, then the classes in index order.

    `per_class` has the rows of `evaluation/per_class.csv`, none where it was skipped.
    """
    counts = Counter(name for record in records for name in record.labels)
    rows = {(row["stage"], row["class"]): row for row in per_class}
    stages = list(dict.fromkeys(row["stage"] for row in per_class))

    def figure(stage: str, name: str, column: str) -> float | None:
        text = rows.get((stage, name), {}).get(column)
        return float(text) if text else None

    return [
        ClassFigures(
            name=name,
            photographs=None if name == BACKGROUND else counts[name],
            iou={stage: figure(stage, name, "iou") for stage in stages},
            precision=figure("pseudo_labels", name, "precision"),
            recall=figure("pseudo_labels", name, "recall"),
            average_precision=average_precision.get(name),
        )
        for name in [BACKGROUND, *classes]
    ]
