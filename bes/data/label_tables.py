"""Label tables: which classes each photograph shows, in the forms that people keep them in."""

import csv
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bes.data.class_folders import read_class_folders
from bes.data.cls_labels import read_cls_labels
from bes.data.file_names import folder_of, id_of
from bes.errors import BesError

BACKGROUND = "background"
JSON_LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Row:
    """A photograph with its labels."""

    place: str
    """File and row, for messages."""
    id: str
    image: str
    """As the table names it: with folder and ending, where it gives them."""
    labels: tuple[str, ...]

    @property
    def folder(self) -> str:
        """With its final slash, where the table gives one."""
        return folder_of(self.image)


@dataclass
class LabelTable:
    """The rows of a label table, and what is wrong with the others."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    photographs: dict[str, str] | None = None
    """Image -> photograph relative to the root, where the table is made of the photographs."""
    partial: bool = False
    """Rows without a photograph are no problem: such a table is of a public dataset, of which many
    have a part."""


def read_label_table(
    root: Path,
    labels: str,
    *,
    classes: tuple[str, ...],
    order: tuple[str, ...],
    without: tuple[str, ...],
) -> LabelTable:
    """The table at `labels`, relative to the root: CSV, JSON lines, `cls_labels.npy`, or a folder
    with a folder for each class.

    `classes` are those given beforehand, `order` those of the vectors in `cls_labels.npy`, and the
    folders `without` hold no photographs. Raises BesError where the table cannot be read; what is
    wrong with a row is among the problems.
    """
    path = root / labels
    if path.is_dir():
        return _of_class_folders(root, labels, classes, without)
    rows = _Rows(classes)
    if path.suffix.lower() == ".npy":
        for image, names in read_cls_labels(path, order):
            rows.add(path, f"key {image}", image, names)
        return LabelTable(rows.rows, rows.problems, partial=True)
    if path.suffix.lower() in JSON_LINES:
        _read_json_lines(path, rows)
    else:
        _read_csv(path, rows, classes)
    return LabelTable(rows.rows, rows.problems)


class _Rows:
    """Rows as they are read, each checked for what is wrong in any form of table."""

    def __init__(self, classes: tuple[str, ...]):
        self.rows: list[Row] = []
        self.problems: list[str] = []
        self._classes = classes
        self._first: dict[str, str] = {}

    def add(self, file: Path, place: str, image: str, labels: Iterable[str]) -> None:
        id_, names = id_of(image), tuple(labels)
        if not id_ or id_.startswith(".") or "\\" in id_ or "\0" in id_:
            self.problem(file, place, f"found the image name {image!r}, expected a file name")
        elif id_ in self._first:
            self.problem(
                file,
                place,
                f"found {id_!r} again, first in {self._first[id_]}; expected each image once",
            )
        elif BACKGROUND in names and BACKGROUND not in self._classes:
            self.problem(
                file,
                place,
                f"found the label {BACKGROUND!r}, expected foreground classes alone; a photograph "
                "without any has no label",
            )
        # The manifest separates labels by semicolons.
        elif bad := [name for name in names if ";" in name or not _is_name(name)]:
            self.problem(
                file,
                place,
                f"found the label {bad[0]!r}, expected a name without ; and control characters",
            )
        else:
            self._first[id_] = place
            self.rows.append(Row(f"{file}: {place}", id_, image, names))

    def problem(self, file: Path, place: str, text: str) -> None:
        self.problems.append(f"{file}: {place}: {text}")


def _is_name(label: str) -> bool:
    """Whether a label can be written and shown: JSON may hold half a character, or a NUL."""
    return bool(label.strip()) and not any(unicodedata.category(c) in ("Cc", "Cs") for c in label)


def _of_class_folders(
    root: Path, labels: str, classes: tuple[str, ...], without: tuple[str, ...]
) -> LabelTable:
    found = read_class_folders(root, labels, without=without)
    rows = _Rows(classes)
    names = {name for folders in found.folders.values() for name in folders}
    none = {BACKGROUND}.difference(classes)
    # Once for the folder, not for each photograph in it.
    unknown = names.difference(classes, none) if classes else set()
    for name in sorted(unknown):
        found.problems.append(
            f"{root / labels / name}: found a folder of class {name!r}, expected one of "
            + ", ".join(classes)
        )
    for path, folders in found.folders.items():
        place = path if labels == "." else path.removeprefix(f"{labels}/")
        rows.add(root / labels, place, path, [n for n in folders if n not in none | unknown])
    notes = [f"{found.loose} photographs in no folder of a class, left out"] if found.loose else []
    photographs = {id_of(path): path for path in found.folders}
    return LabelTable(rows.rows, found.problems + rows.problems, notes, photographs)


def _read_text(path: Path, expected: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BesError(f"{path}: no such label table, expected {expected}") from None
    except OSError as error:
        raise BesError(f"{path}: cannot be read ({error.strerror}), expected {expected}") from None
    except UnicodeDecodeError as error:
        raise BesError(f"{path}: not {expected} in UTF-8 ({error})") from None


def _read_json_lines(path: Path, rows: _Rows) -> None:
    example = '{"image": "a.jpg", "labels": ["cat"]}'
    for number, line in enumerate(_read_text(path, "JSON lines").splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BesError(
                f"{path}: line {number}: not JSON ({error}), expected a line such as {example}"
            ) from None
        if _is_row(value):
            rows.add(path, f"line {number}", value["image"], map(str.strip, value["labels"]))
        else:
            rows.problem(
                path, f"line {number}", f"found {line.strip()[:80]}, expected such as {example}"
            )


def _is_row(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("image"), str)
        and isinstance(value.get("labels"), list)
        and all(isinstance(label, str) for label in value["labels"])
    )


def _read_csv(path: Path, rows: _Rows, classes: tuple[str, ...]) -> None:
    text = _read_text(path, "a CSV")
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        table = list(reader)
    except csv.Error as error:
        raise BesError(f"{path}: line {reader.line_num}: not a CSV in UTF-8 ({error})") from None
    header = [cell.strip() for cell in table[0]] if table else []
    if header != ["image", "labels"]:
        raise BesError(f"{path}: row 1: found {','.join(header)!r}, expected image,labels")
    separator = _separator_of(cells[1] for cells in table[1:] if len(cells) == 2)
    for number, cells in enumerate(table[1:], 2):
        if not cells:
            continue
        if len(cells) != 2:
            rows.problem(
                path,
                f"row {number}",
                f"found {len(cells)} columns, expected 2; separate labels by spaces or semicolons",
            )
            continue
        image, labels = (cell.strip() for cell in cells)
        rows.add(path, f"row {number}", image, _split_labels(labels, separator, classes))


def _separator_of(fields: Iterable[str]) -> str | None:
    """What separates the labels of a whole table: semicolons or commas if there are any, or spaces.

    Decided once for the table, so that `dining table` is one class wherever others are `cat;dog`.
    """
    text = "".join(fields)
    return ";" if ";" in text else "," if "," in text else None


def _split_labels(text: str, separator: str | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    if separator is None and text in classes:
        return (text,)
    return tuple(label.strip() for label in text.split(separator) if label.strip())
