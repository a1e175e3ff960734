"""Which photographs the page shows, and what it says of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bes.data.manifest import ImageRecord
from bes.report.measures import Measured

PANELS = {
    "cams": "CAM",
    "boundary_labels": "boundary label",
    "boundary_maps": "boundary map",
    "revised_maps": "revised map",
    "teacher_labels": "label of the walk",
    "teacher_maps": "teacher's map",
    "foreground": "foreground prior",
    "regions": "segments",
    "pseudo_labels": "pseudo label",
    "masks": "mask",
    "predictions": "prediction",
}
"""Folder of the pictures that are laid over the photographs -> what they are called."""


@dataclass(frozen=True)
class Trust:
    """What `quality/ranking.csv` says of a pseudo label."""

    rank: int
    """From 1, the least trusted."""
    reason: str
    """What is to be looked at in words."""


@dataclass(frozen=True)
class Extreme:
    """The photographs of a class that are looked at first."""

    name: str
    """Of the class."""
    worst: "Chosen"
    median: "Chosen"


@dataclass(frozen=True)
class Chosen:
    """One of them."""

    id: str
    value: float
    """IoU of the class in percent; without masks the rank of the pseudo label, from 1, the least
    trusted."""


def extremes(
    classes: Sequence[str],
    records: Sequence[ImageRecord],
    measured: Mapping[str, Measured],
    trust: Mapping[str, Trust],
) -> list[Extreme]:
    """Of each class the photograph with the lowest, and that with the median, score.

    The score is the IoU of the class where a mask shows it. If no photograph has a mask, it is the
    rank of the pseudo label. A class without a scored photograph is left out.
    """
    masks = any(row.iou for row in measured.values())
    found = []
    for name in classes:
        ranked = sorted(
            (score, record.id)
            for record in records
            if name in record.labels
            and (score := _score(name, record.id, masks, measured, trust)) is not None
        )
        if ranked:
            worst, median = (Chosen(i, value) for value, i in (ranked[0], ranked[len(ranked) // 2]))
            found.append(Extreme(name, worst, median))
    return found


def _score(
    name: str,
    image: str,
    masks: bool,
    measured: Mapping[str, Measured],
    trust: Mapping[str, Trust],
) -> float | None:
    if masks:
        return measured[image].iou.get(name)
    return trust[image].rank if image in trust else None


def gallery_data(
    shown: Sequence[ImageRecord],
    panels: Mapping[str, Sequence[str]],
    measured: Mapping[str, Measured],
    trust: Mapping[str, Trust],
) -> dict[str, Any]:
    """What page.js builds the gallery from, as JSON can hold it.

    `panels` names the pictures of each photograph.
    """

    def entry(record: ImageRecord) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": record.id,
            "split": record.split,
            "labels": list(record.labels),
            "width": record.width,
            "height": record.height,
            "panels": list(panels[record.id]),
            "miou": measured[record.id].miou,
            "iou": measured[record.id].iou,
        }
        if record.id in trust:
            known |= {"rank": trust[record.id].rank, "reason": trust[record.id].reason}
        return known

    there = {name for names in panels.values() for name in names}
    return {
        "panels": {name: words for name, words in PANELS.items() if name in there},
        "photographs": [entry(record) for record in shown],
    }
