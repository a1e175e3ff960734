"""What is measured of each photograph, and the table that keeps it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bes.data.manifest import BACKGROUND
from bes.data.spreadsheet import plain, to_csv
from bes.metrics.iou import ConfusionMatrix

_COLUMNS = ("id", "split", "miou", "boundary", "uncertain", "highest_probability", "empty")


class Facts(NamedTuple):
    """What the checks need of one photograph."""

    id: str
    boundary: float | None
    """Share of the pixels labelled as boundary; None without boundary labels."""
    uncertain: float | None
    """Share of the pixels that the boundary label leaves open; None without boundary labels."""
    highest_probability: float
    """Of the boundary map."""
    empty: bool
    """The pseudo label is all background though a class is present."""


@dataclass(frozen=True)
class Measured:
    """One photograph; IoU in percent, none without a mask."""

    id: str
    split: str
    facts: Facts | None
    """None of a photograph that has no pseudo label."""
    miou: float | None
    """Of its pseudo label or, where it has none, of its prediction."""
    iou: dict[str, float]
    """By name, of the labels that it or its mask shows, the background among them."""


def score_labels(
    labels: np.ndarray, truth: np.ndarray | None, classes: Sequence[str]
) -> tuple[float | None, dict[str, float]]:
    """mIoU of one photograph and IoU by name, in percent.

    Args:
        labels: (H,W) uint8 label indices.
        truth: (H,W) uint8 label indices, 255 void; None without a mask.
        classes: names in index order, without the background.
    """
    if truth is None:
        return None, {}
    matrix = ConfusionMatrix(len(classes) + 1)
    matrix.update(labels, truth)
    iou = {
        name: round(100 * float(value), 2)
        for name, value in zip([BACKGROUND, *classes], matrix.iou(), strict=True)
        if not np.isnan(value)
    }
    return (round(100 * matrix.mean_iou(), 2) if iou else None), iou


def measures_csv(rows: Sequence[Measured], classes: Sequence[str]) -> str:
    """A row for each photograph, with a column for the background and each class."""
    names = [BACKGROUND, *classes]
    table: list[list[object]] = [[*_COLUMNS, *(f"IoU {name}" for name in names)]]
    for row in rows:
        facts = row.facts or (None,) * 5
        figures = [value if value is None else round(value, 6) for value in facts[1:4]]
        empty = None if row.facts is None else int(row.facts.empty)
        iou = (row.iou.get(name) for name in names)
        table.append([row.id, row.split, row.miou, *figures, empty, *iou])
    return to_csv(table)


def read_measures(text: str, classes: Sequence[str]) -> list[Measured]:
    """The rows of `measures_csv`."""
    names = [BACKGROUND, *classes]
    return [_measured(row, names) for row in csv.DictReader(io.StringIO(text, newline=""))]


def _measured(row: Mapping[str, str], names: Sequence[str]) -> Measured:
    facts, image = None, plain(row["id"])
    if row["empty"]:
        facts = Facts(
            id=image,
            boundary=float(row["boundary"]) if row["boundary"] else None,
            uncertain=float(row["uncertain"]) if row["uncertain"] else None,
            highest_probability=float(row["highest_probability"]),
            empty=row["empty"] == "1",
        )
    return Measured(
        id=image,
        split=row["split"],
        facts=facts,
        miou=float(row["miou"]) if row["miou"] else None,
        iou={name: float(row[f"IoU {name}"]) for name in names if row[f"IoU {name}"]},
    )
