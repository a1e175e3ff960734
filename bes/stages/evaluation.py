"""Stage `evaluation`: mIoU of CAMs, revised maps and pseudo labels against the masks there are."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from bes.data.layout import image_file
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.engine.code_digest import code_digest
from bes.engine.once import run_once
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.receipts import read_receipts
from bes.errors import BesError

FILES = ("scores.json", "per_class.csv", "thresholds.csv")
SOURCES = ("cams", "revised_maps", "pseudo_labels")
THRESHOLDS = [round(0.01 * step, 2) for step in range(1, 100)]


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the evaluation."""

    cam_threshold: Annotated[float, Range(0.0, 1.0)] = 0.11
    """Background score at which the CAMs are scored, beside their best one."""
    revised_threshold: Annotated[float, Range(0.0, 1.0)] = 0.25
    """Background score at which the revised maps are scored, beside their best one."""


def run_evaluation(
    options: EvaluationOptions,
    *,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    threads: int,
    code: str | None = None,
) -> None:
    """Score the training photographs that have a mask; void pixels (255) do not count.
    Writes `scores.json`, `per_class.csv`, `thresholds.csv` and prints a table.
    """
    catalog = read_catalog(dataset / "classes.json")
    records = [
        record
        for record in read_manifest(dataset / "images.csv")
        if record.split == "train" and record.mask
    ]
    run_once(
        "evaluation",
        out=out,
        files=FILES,
        parts={
            "options": asdict(options),
            "code": code or code_digest(__name__),
            "classes": catalog.classes,
            "masks": [[record.id, record.mask_digest] for record in records],
            "files": {name: read_receipts(folders[name], dataset) for name in SOURCES},
        },
        compute=lambda: _evaluate(catalog, records, folders, options, threads),
    )
    print_scores(out)


def _evaluate(
    catalog: Catalog,
    records: list[ImageRecord],
    folders: dict[str, Path],
    options: EvaluationOptions,
    threads: int,
) -> dict[str, bytes]:
    if not records:
        reason = "no training photograph has a mask"
        return dict.fromkeys(FILES, b"") | {
            "scores.json": (json.dumps({"skipped": reason}) + "\n").encode()
        }
    limit_threads(1)
    from bes.data.images import decode_labels, read_maps
    from bes.data.truth import read_truth
    from bes.hard_labels import upsample
    from bes.metrics.iou import ConfusionMatrix, ThresholdCurve

    n_classes = len(catalog.classes) + 1
    # The configured thresholds are scored exactly, whatever the grid.
    grids = {
        "cams": sorted({*THRESHOLDS, options.cam_threshold}),
        "revised_maps": sorted({*THRESHOLDS, options.revised_threshold}),
    }

    def count(chunk: list[ImageRecord]) -> tuple[dict[str, ThresholdCurve], ConfusionMatrix]:
        curves = {name: ThresholdCurve(n_classes, grid) for name, grid in grids.items()}
        labels = ConfusionMatrix(n_classes)
        for record in chunk:
            truth = read_truth(catalog, record)
            for name, curve in curves.items():
                maps, classes, size = read_maps(image_file(name, folders[name], record.id))
                scores = upsample(maps, size)
                scores /= max(scores.max(initial=0.0), 1e-12) if name == "revised_maps" else 1
                curve.update(scores, classes, truth)
            path = image_file("pseudo_labels", folders["pseudo_labels"], record.id)
            labels.update(decode_labels(path), truth)
        return curves, labels

    chunks = [records[start : start + 16] for start in range(0, len(records), 16)]
    parts = list(forked_map(count, chunks, processes=threads))
    labels = sum((part[1] for part in parts), ConfusionMatrix(n_classes))
    configured = {"cams": options.cam_threshold, "revised_maps": options.revised_threshold}
    names = ["background", *catalog.classes]
    scores: dict[str, Any] = {}
    per_class: list[list[Any]] = [["stage", "class", "iou", "precision", "recall"]]
    curve_rows: list[list[Any]] = [["stage", "threshold", "miou"]]
    for name, grid in grids.items():
        curve = sum((part[0][name] for part in parts), ThresholdCurve(n_classes, grid))
        means = curve.mean_iou()
        best = int(means.argmax())
        matrix = curve.confusion(grid.index(configured[name]))
        scores[name] = {
            "miou": _percent(matrix.mean_iou()),
            "threshold": configured[name],
            "best": {"miou": _percent(means[best]), "threshold": grid[best]},
            "per_class": dict(zip(names, map(_percent, matrix.iou()), strict=True)),
        }
        per_class += _rows(name, names, matrix)
        curve_rows += [
            [name, threshold, _percent(mean)] for threshold, mean in zip(grid, means, strict=True)
        ]
    scores["pseudo_labels"] = {
        "miou": _percent(labels.mean_iou()),
        "per_class": dict(zip(names, map(_percent, labels.iou()), strict=True)),
    }
    scores["photographs"] = len(records)
    per_class += _rows("pseudo_labels", names, labels)
    return {
        "scores.json": (json.dumps(scores, indent=1) + "\n").encode(),
        "per_class.csv": _csv(per_class),
        "thresholds.csv": _csv(curve_rows),
    }


def print_scores(folder: Path) -> None:
    """Print the table of the scores in a folder; raises BesError if there are none."""
    try:
        scores = json.loads((folder / "scores.json").read_bytes())
    except FileNotFoundError:
        raise BesError(
            f"{folder}: found no scores.json, expected the folder of an evaluation"
        ) from None
    if "skipped" in scores:
        print(f"evaluation skipped: {scores['skipped']}")
        return
    print(f"mIoU (%) on {scores['photographs']} training photographs")
    for label, miou, note in _table(scores):
        print(f"  {label:<24}{miou:6.2f}  {note}")


def _table(scores: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
    for name, label in (("cams", "CAM"), ("revised_maps", "revised map")):
        score = scores[name]
        yield f"{label}, configured", score["miou"], f"threshold {score['threshold']:g}"
        yield f"{label}, best", score["best"]["miou"], f"threshold {score['best']['threshold']:g}"
    yield "pseudo label", scores["pseudo_labels"]["miou"], "threshold and dCRF as configured"


def _rows(stage: str, names: list[str], matrix: Any) -> list[list[Any]]:
    columns = (matrix.iou(), matrix.precision(), matrix.recall())
    return [
        [stage, name, *(_percent(column[index]) for column in columns)]
        for index, name in enumerate(names)
    ]


def _percent(share: float) -> float | None:
    """In percent with four decimals; None, which JSON and CSV leave empty, for NaN."""
    return None if math.isnan(share) else round(100 * float(share), 4)


def _csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
