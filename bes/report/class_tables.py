"""IoU per class, and mIoU of methods, under the rows that the paper prints for PASCAL VOC."""

from collections.abc import Iterator, Mapping
from typing import Any

from bes.data.manifest import BACKGROUND
from bes.report.grid import Cell, Grid
from bes.report.published import is_voc, published
from bes.report.supervision import LABELS, MORE, marked, more_than_labels

OWN = {"cams": "CAM", "revised_maps": "revised maps", "pseudo_labels": "pseudo labels"}
NOTE = "IoU (%). Rows whose source is a table of the paper are published, not measured here."


def class_grid(name: str, classes: tuple[str, ...], scores: Mapping[str, Any]) -> Grid:
    """Tables 2 and 3, then each kind of labels of this run, which is called `name`.

    The published rows are there for the classes of VOC alone. IoU in percent, background first.
    """
    paper = published()
    rows: list[tuple[Cell, ...]] = []
    breaks = []
    if is_voc(classes):
        order = [0, *(1 + [*paper["classes"]].index(one) for one in classes)]
        for split, table in paper["per_class"].items():
            breaks.append(len(rows))
            rows += [
                (
                    method,
                    split,
                    table["source"],
                    *(row["iou"][index] for index in order),
                    row["miou"],
                )
                for method, row in table["rows"].items()
            ]
    breaks.append(len(rows))
    names = [BACKGROUND, *classes]
    for stage, label, split, score in _own(scores):
        iou = (score["per_class"].get(one) for one in names)
        row = marked(f"{name}, {label}", more_than_labels(scores, [stage]))
        rows.append((row, split, "this run", *iou, score["miou"]))
    short = paper["classes"] | {BACKGROUND: "bkg"} if is_voc(classes) else {}
    columns = ("method", "on", "source", *(short.get(one, one) for one in names), "mean")
    return Grid(columns, rows, _note(scores), digits=1, breaks=breaks)


def method_grid(
    name: str, classes: tuple[str, ...], scores: Mapping[str, Any], *, photographs: int
) -> Grid:
    """Table 4, then the segmentation network of this run, where there is one; mIoU in percent.

    `photographs` is the number of those that this run trained on.
    """
    paper = published()["methods"]
    rows: list[tuple[Cell, ...]] = []
    if is_voc(classes):
        rows = [
            (
                row["method"],
                row["supervision"],
                row["backbone"],
                row["training"],
                row["val"],
                row["test"],
                paper["source"],
            )
            for row in paper["rows"]
        ]
    breaks = [len(rows)]
    if prediction := scores.get("predictions"):
        at = {prediction["split"]: prediction["miou"]}
        more = more_than_labels(scores, ["predictions"])
        row, supervision = marked(name, more), MORE if more else LABELS
        values = (at.get("val"), at.get("test"))
        rows.append((row, supervision, "", str(photographs), *values, "this run"))
    columns = ("method", "supervision", "backbone", "training", "val", "test", "source")
    return Grid(columns, rows, _note(scores), digits=1, breaks=breaks)


def _own(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Stage, what its labels are called, the split they are of, their scores."""
    if "skipped" in scores:
        return
    for key, label in OWN.items():
        yield key, label, "train", scores[key]
    if prediction := scores.get("predictions"):
        yield "predictions", "predictions", prediction["split"], prediction


def _note(scores: Mapping[str, Any]) -> str:
    return f"{NOTE} This run is not scored: {scores['skipped']}." if "skipped" in scores else NOTE
