"""Which photographs the page shows, and what it says of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bes.data.evenly import evenly
from bes.data.manifest import ImageRecord
from bes.data.ranking import RankedLabel
from bes.report.measures import Measured
from bes.report.words import NAMES

FIRST = 6
"""Photographs in each of the two rows that the page begins with."""


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


@dataclass(frozen=True)
class Row:
    """Photographs under their pseudo labels that the page begins with."""

    heading: str
    photographs: Sequence[tuple[ImageRecord, str]]
    """Each with words on its label."""


def first_rows(
    train: Sequence[ImageRecord],
    ranking: Sequence[RankedLabel],
    seen: Collection[str],
    *,
    trusted: bool,
) -> list[Row]:
    """The labels to doubt and those to trust, of those that nobody has `seen`; without a ranking
    some of all. Where `trusted` is False, the labels are bad as a whole."""
    if not ranking:
        return [Row("Pseudo labels", [(record, "") for record in evenly(train, FIRST)])]
    records = {r.id: r for r in train if r.labels and r.id not in seen}
    ranking = [row for row in ranking if row.image in records]
    count = min(FIRST, len(ranking) // 2) or 1
    rows = [
        Row("Look at these first", [(records[row.image], row.reason) for row in ranking[:count]]),
        Row(
            "Most trusted" if trusted else "Least doubtful",
            [(records[row.image], "") for row in ranking[count:][: -count - 1 : -1]],
        ),
    ]
    return [row for row in rows if row.photographs]


def extremes(
    classes: Sequence[str],
    records: Sequence[ImageRecord],
    measured: Mapping[str, Measured],
    ranks: Mapping[str, int],
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
            and (score := _score(name, record.id, masks, measured, ranks)) is not None
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
    ranks: Mapping[str, int],
) -> float | None:
    if masks:
        return measured[image].iou.get(name)
    return ranks.get(image)


def gallery_data(
    shown: Sequence[ImageRecord],
    panels: Mapping[str, Sequence[str]],
    measured: Mapping[str, Measured],
    ranking: Sequence[RankedLabel],
) -> dict[str, Any]:
    """What page.js builds the gallery from, as JSON can hold it.

    `panels` names the pictures of each photograph.
    """

    ranked = {row.image: row for row in ranking}

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
        if row := ranked.get(record.id):
            known |= {"rank": row.rank, "reason": row.reason}
        return known

    there = {name for names in panels.values() for name in names}
    return {
        "panels": {name: words for name, words in NAMES.items() if name in there},
        "photographs": [entry(record) for record in shown],
    }
