"""The ranking of the pseudo labels, the least trusted first: one row per photograph."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bes.data.spreadsheet import plain, to_csv
from bes.errors import BesError

SUSPICIONS = {
    "filled": "fills the frame",
    "bordering": "touches all four borders",
    "unbounded": "follows no boundary",
}
"""What a label should not look like (`bes.method.trust.suspicions`), in words."""


@dataclass(frozen=True)
class RankedLabel:
    """One pseudo label; a row of `ranking.csv`. Score and signals are in [0, 1]."""

    rank: int
    """From 1, the least trusted."""
    image: str
    labels: tuple[str, ...]
    """Names of the classes present."""
    score: float
    """Orders the labels and says no more: `bes.method.trust.trust` of the signals below."""
    stability: float
    separation: float
    agreement: float
    boundary: float
    margin: float
    frame: float
    colour: float
    reason: str
    """What is to be looked at in words; otherwise the weakest signal."""

    @property
    def doubtful(self) -> bool:
        """Whether the label is empty, or looks as none should; one class of several that is missing
        does not count."""
        empty = bool(self.labels) and self.reason.startswith(missing(self.labels))
        return empty or any(words in self.reason for words in SUSPICIONS.values())


def missing(classes: Sequence[str]) -> str:
    """The words for a label that shows nothing of these classes present."""
    return f"nothing found of {', '.join(classes)}"


def ranking_csv(rows: Sequence[RankedLabel]) -> str:
    """The rows as CSV text with a header; numbers with four decimals."""
    names = [field.name for field in fields(RankedLabel)]
    return to_csv([names, *([_cell(getattr(row, name)) for name in names] for row in rows)])


def read_ranking(path: Path) -> list[RankedLabel]:
    """The rows of `ranking.csv`, the least trusted first.

    Raises BesError if the file is missing or is no ranking.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return parse_ranking(file, path)
    except FileNotFoundError:
        raise BesError(f"{path}: no such file; `bes quality` writes it") from None


def parse_ranking(lines: Iterable[str], path: Path) -> list[RankedLabel]:
    """The rows of a ranking that was read from `path`. Raises BesError if it is none."""
    try:
        return [_row(row) for row in csv.DictReader(lines)]
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise BesError(f"{path}: not a ranking written by `bes quality` ({error})") from None


def _cell(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else value


def _row(row: dict[str, str]) -> RankedLabel:
    numbers = [field.name for field in fields(RankedLabel) if field.type is float]
    return RankedLabel(
        rank=int(row["rank"]),
        image=plain(row["image"]),
        labels=tuple(map(plain, row["labels"].split(";"))) if row["labels"] else (),
        reason=row["reason"],
        **{name: float(row[name]) for name in numbers},
    )
