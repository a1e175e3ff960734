"""CSV for people: a spreadsheet runs a cell that begins like a formula, and no name may do that."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = "'*[-=+@\t\r\uff1d\uff0b\uff0d\uff20]."


def to_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV text. A tuple is its texts with semicolons between, at which half of Europe's
    spreadsheets split; a text that one would run has an apostrophe in front, which `plain` takes
    away again."""
    return csv_text(map(_cell, row) for row in rows)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV text for programs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # Python leaves a carriage return bare, and reads it as the end of a row.
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = list(row)
        returns = any("\r" in cell for cell in cells if isinstance(cell, str))
        (quoting if returns else writer).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return ";".join(map(_cell, value))
    return f"'{value}" if isinstance(value, str) and re.match(_FORMULA, value) else value


def plain(text: str) -> str:
    """A text of `to_csv` as it was before."""
    return text[1:] if re.match(f"'{_FORMULA}", text) else text
