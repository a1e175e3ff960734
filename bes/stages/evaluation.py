"""Stage `evaluation`: mIoU of maps, labels and predictions against the masks there are."""

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.manifest import Catalog
from bes.data.spreadsheet import to_csv
from bes.incremental.inputs import Reader, receipts_of, shards_of
from bes.incremental.stage import WholeRun, WholeStage
from bes.options.declared import Range
from bes.report.scores import print_scores
from bes.report.supervision import MORE
from bes.stages.shared.kept_counts import counts_of

if TYPE_CHECKING:
    from bes.metrics.iou import ConfusionMatrix

THRESHOLDS = [round(0.01 * step, 2) for step in range(1, 100)]


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the evaluation."""

    cam_threshold: Annotated[float, Range(0.0, 1.0)] = 0.11
    """Background score at which the CAMs are scored, beside their best one."""
    revised_threshold: Annotated[float, Range(0.0, 1.0)] = 0.25
    """Background score at which the revised maps are scored, beside their best one."""


def evaluate(options: EvaluationOptions, run: WholeRun) -> dict[str, bytes]:
    """Score the photographs that have a mask; void pixels (255) do not count.

    CAMs, revised maps and pseudo labels are scored on split `train`, predictions, where there are
    any, on `val`.
    """
    masked = [record for record in run.records if record.mask]
    train = [record for record in masked if record.split == "train"]
    val = [record for record in masked if record.split == "val" and "predictions" in run.folders]
    configured = {"cams": options.cam_threshold, "revised_maps": options.revised_threshold}
    # The configured thresholds are scored exactly, whatever the grid.
    grids = {name: sorted({*THRESHOLDS, value}) for name, value in configured.items()}
    counts = counts_of(run, "train", train, {**grids, "pseudo_labels": None})
    held_out = {"predictions": None} if "predictions" in run.folders else {}
    counts |= counts_of(run, "val", val, held_out)
    scores: dict[str, Any] = {}
    per_class: list[list[Any]] = [["stage", "class", "iou", "precision", "recall"]]
    thresholds: list[list[Any]] = [["stage", "threshold", "miou"]]
    if train:
        for name, grid in grids.items():
            curve = counts[name]
            means = curve.mean_iou()
            best = int(means.argmax())
            matrix = curve.confusion(grid.index(configured[name]))
            scores[name] = _score(run.catalog, matrix, **_supervision(run, name)) | {
                "threshold": configured[name],
                "best": {"miou": _percent(means[best]), "threshold": grid[best]},
            }
            per_class += _rows(name, run.catalog, matrix)
            thresholds += [
                [name, threshold, _percent(mean)]
                for threshold, mean in zip(grid, means, strict=True)
            ]
        scores["photographs"] = len(train)
    else:
        scores["skipped"] = "no training photograph has a mask"
    for name, split, records in (("pseudo_labels", "train", train), ("predictions", "val", val)):
        if records:
            matrix = counts[name]
            scores[name] = _score(run.catalog, matrix, **_supervision(run, name)) | {
                "split": split,
                "photographs": len(records),
            }
            per_class += _rows(name, run.catalog, matrix)
    return {
        "scores.json": (json.dumps(scores, indent=1) + "\n").encode(),
        "per_class.csv": to_csv(per_class).encode(),
        "thresholds.csv": to_csv(thresholds).encode(),
    }


def _supervision(run: WholeRun, stage: str) -> dict[str, str]:
    """What the results of a stage were made from, where that is more than image-level labels."""
    receipts = receipts_of(stage, run.folders[stage], shards_of(run.dataset))
    return {"supervision": MORE} if any(map(Reader().beyond_labels, receipts)) else {}


def _score(catalog: Catalog, matrix: "ConfusionMatrix", **more: str) -> dict[str, Any]:
    names = ["background", *catalog.classes]
    return more | {
        "miou": _percent(matrix.mean_iou()),
        "per_class": dict(zip(names, map(_percent, matrix.iou()), strict=True)),
    }


def _rows(stage: str, catalog: Catalog, matrix: "ConfusionMatrix") -> list[list[Any]]:
    columns = (matrix.iou(), matrix.precision(), matrix.recall())
    return [
        [stage, name, *(_percent(column[index]) for column in columns)]
        for index, name in enumerate(["background", *catalog.classes])
    ]


def _percent(share: float) -> float | None:
    """In percent with four decimals; None, which JSON and CSV leave empty, for NaN."""
    return None if math.isnan(share) else round(100 * float(share), 4)


STAGE = WholeStage(
    name="evaluation",
    options=EvaluationOptions,
    compute=evaluate,
    reads=("cams", "revised_maps", "pseudo_labels"),
    may_read=("predictions",),
    say=lambda out, folders: print_scores(out),
)
