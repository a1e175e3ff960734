"""A label table as CSV, with what spreadsheets and pandas leave in it."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.names import clean
from bes.errors import BesError

LIST = re.compile(
    r"""[\[{].*[\]}]|\w*\((.*['"].*)?\)|'.*'|".*"|[\u201c\u201d\u201e].*[\u201c\u201d]""", re.DOTALL
)
"""A list or a text as Python, numpy and word processors write them."""
_LINES_AND_PIPES = str.maketrans("|\n\r\uff1b\uff0c\u3001", ";;;;,,")
"""Of Chinese and Japanese keyboards too."""


@dataclass
class CsvTable:
    """The rows of a CSV with an image and its labels, and what is wrong with the others."""

    rows: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Place in the file, image, labels; not cleaned."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Place and what is wrong there."""
    notes: list[str] = field(default_factory=list)


def read_csv(path: Path, text: str, classes: tuple[str, ...]) -> CsvTable:
    """The rows of a CSV with the columns image,labels, separated by commas, semicolons or tabs.

    Empty rows and columns count for nothing, nor does a first column without a name, in which
    pandas numbers its rows. Labels are separated as `_separator_of` says; one of `classes` is one
    label whatever is in it. `path` only names the file. Raises BesError if the text is no such
    table.
    """
    table = cells_of(path, text)
    header = next((row for row in table if any(map(clean, row))), [])
    names = [clean(cell).casefold() for cell in header]
    first = table.index(header) + 1 if header else 1
    if sorted(filter(None, names)) != ["image", "labels"]:
        one_hot = "image" in names and "labels" not in names and len(names) > 2
        raise BesError(
            f"{path}: row {first}: found {','.join(map(clean, header))!r}, expected image,labels"
            + ("; a column for each class is not read: name those it shows in one" * one_hot)
        )
    columns = names.index("image"), names.index("labels")
    found, empty = CsvTable(), 0
    fields: list[tuple[str, str, str]] = []
    for number, cells in enumerate(table[first:], first + 1):
        if not any(map(clean, cells)):
            empty += bool(cells)
        elif len(cells) <= max(columns) or any(
            clean(cell)
            for column, cell in enumerate(cells)
            if column > min(columns) and column not in columns
        ):
            found.problems.append(
                (
                    f"row {number}",
                    f"found {len(cells)} columns, expected {len(columns)}; separate labels by "
                    "spaces or, in quotes, by semicolons",
                )
            )
        else:
            image, labels = (cells[column].strip() for column in columns)
            fields.append((f"row {number}", image, labels))
    if empty:
        found.notes.append(f"{empty} empty rows of the table, left out")
    separator = _separator_of(labels for _, _, labels in fields if clean(labels) not in classes)
    for place, image, labels in fields:
        one = clean(labels) in classes
        if not one and LIST.fullmatch(labels):
            raise BesError(
                f"{path}: {place}: found the label {labels!r}, expected a name; the column looks "
                "like a Python list: separate names by semicolons, without brackets and quotes"
            )
        found.rows.append((place, image, [labels] if one else _split(labels, separator)))
    return found


def cells_of(path: Path, text: str) -> list[list[str]]:
    """The cells of a CSV, whatever separates them; raises BesError if the text is none."""
    # A spreadsheet may write its separator into a line of its own.
    text = re.sub(r"\Asep=.(?=\r?\n)", "", text)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=_delimiter_of(text),
        skipinitialspace=True,
        strict=True,
    )
    try:
        return list(reader)
    except csv.Error as error:
        raise BesError(f"{path}: line {reader.line_num}: not a CSV ({error})") from None


def _delimiter_of(text: str) -> str:
    """What separates the columns: beside `image`, the first of comma, semicolon, tab that the
    header has; else that which it has most of. Half of Europe's spreadsheets write semicolons."""
    header = next((line for line in io.StringIO(text, newline="") if re.search(r"\w", line)), "")
    words = [re.sub(r"\W", "", part).casefold() for part in re.split(r"[,;\t]", header)]
    if "image" in words:
        return next((mark for mark in ",;\t" if mark in header), ",")
    return max(",;\t", key=header.count)


def _separator_of(fields: Iterable[str]) -> str | None:
    """What separates the labels of a whole table: semicolons (also pipes and lines of a cell) or
    commas if there are any, or spaces.

    Decided once for the table, so that `dining table` is one class wherever others are `cat;dog`.
    """
    text = "".join(fields).translate(_LINES_AND_PIPES)
    return ";" if ";" in text else "," if "," in text else None


def _split(text: str, separator: str | None) -> list[str]:
    return [label for label in text.translate(_LINES_AND_PIPES).split(separator) if clean(label)]
