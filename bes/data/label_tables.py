"""Label tables: which classes each photograph shows, in the forms that people keep them in."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bes.data.class_folders import read_class_folders
from bes.data.cls_labels import read_cls_labels
from bes.data.csv_tables import read_csv
from bes.data.file_names import folder_of, id_of, is_image_name
from bes.data.manifest import BACKGROUND
from bes.data.names import clean, is_name
from bes.data.text_files import read_lines, read_text
from bes.errors import BesError
from bes.storage.words import counted

# fmt: off
NO_LABEL = {
    "nan", "nat", "none", "null", "nil", "na", "n/a", "n.a.", "<na>", "<null>", "(null)", "<none>",
    "(none)", "(blank)", "\\n", "#n/a", "#na", "-", "--", "#ref!", "#name?", "#value!", "#null!",
    "#div/0!", "#num!",
}
"""What tables have in small letters for a missing value, or for a formula that went wrong."""
# fmt: on
SPLITS = {"train", "training", "val", "valid", "validation", "test"}
"""Folders, in small letters, that hold the folders of the classes elsewhere."""
ONE_HOT = {"0", "1", "0.0", "1.0", "true", "false"}
"""What a column for each class has in small letters."""
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
    others: list[str] = field(default_factory=list)
    """What lies beside these photographs and is none, or none that is read."""
    passed: list[str] = field(default_factory=list)
    """What lies there and can be neither opened nor named."""
    loose: int = 0
    """Photographs that lie beside the folders of the classes."""
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

    `classes` are those given beforehand, cleaned, `order` those of the vectors in `cls_labels.npy`,
    and `without` are files and folders that hold no photographs. Raises BesError where the table
    cannot be read; what is wrong with a row is among the problems.
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
        table = read_csv(path, read_text(path, "a CSV"), classes)
        rows.notes += table.notes
        for place, text in table.problems:
            rows.problem(path, place, text)
        for place, image, fields in table.rows:
            rows.add(path, place, image, fields)
    seen = {label for row in rows.rows for label in row.labels}
    if seen and not classes and all(map(_is_number, seen)):
        if any("." in label for label in seen) or {label.casefold() for label in seen} <= ONE_HOT:
            raise BesError(
                f"{path}: found {', '.join(sorted(seen)[:4])} as the only labels, expected names "
                "of classes; write the names of those that have a 1, or if these are names give "
                "`classes`"
            )
        rows.notes.append(
            "all labels are numbers and are taken for names, not for the numbers of the classes; "
            "to keep their order give `classes`"
        )
    return LabelTable(rows.rows, rows.problems, rows.all_notes())


class _Rows:
    """Rows as they are read, each cleaned and checked for what is wrong in any form of table."""

    def __init__(self, classes: tuple[str, ...]):
        self.rows: list[Row] = []
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._classes = classes
        self._first: dict[str, str] = {}
        self._missing: Counter[str] = Counter()

    def add(self, file: Path, place: str, image: str, labels: Iterable[str]) -> None:
        id_, cleaned = id_of(image), [clean(label) for label in labels]
        names = tuple(name for name in cleaned if not self._is_missing(name))
        if not is_image_name(id_):
            self.problem(file, place, f"found the image name {image!r}, expected a file name")
        elif id_ in self._first:
            self.problem(
                file,
                place,
                f"found {id_!r} again, first in {self._first[id_]}; expected each image once",
            )
        elif background := [name for name in names if self.is_background(name)]:
            self.problem(
                file,
                place,
                f"found the label {background[0]!r}, expected foreground classes alone; a "
                "photograph without any has no label",
            )
        # The manifest separates labels by semicolons.
        elif bad := [name for name in names if ";" in name or not is_name(name)]:
            self.problem(
                file,
                place,
                f"found the label {bad[0]!r}, expected a name without ; and control characters",
            )
        else:
            self._first[id_] = place
            self._missing.update(name for name in cleaned if self._is_missing(name))
            self.rows.append(Row(f"{file}: {place}", id_, image, names))

    def problem(self, file: Path, place: str, text: str) -> None:
        self.problems.append(f"{file}: {place}: {text}")

    def is_background(self, name: str) -> bool:
        """Whether a label is another word for having none."""
        return is_background(name) and name not in self._classes

    def _is_missing(self, name: str) -> bool:
        return name.casefold() in NO_LABEL and name not in self._classes

    def all_notes(self) -> list[str]:
        """What was read in another way than it stands there."""
        words = ", ".join(f"{count} {word!r}" for word, count in sorted(self._missing.items()))
        missing = f"no label in the table: {words}; if that is a class, give `classes`"
        return [*self.notes, *([missing] if words else [])]


def _of_class_folders(
    root: Path, labels: str, classes: tuple[str, ...], without: tuple[str, ...]
) -> LabelTable:
    found = read_class_folders(root, labels, without=without)
    rows = _Rows(classes)
    # Once for the folder, not for each photograph in it.
    names = {name for folders in found.folders.values() for name in folders}
    if not classes and {name.casefold() for name in names} <= SPLITS:
        raise BesError(
            f"{root / labels}: found the folders {', '.join(sorted(names))}, expected one for each "
            "class; give one of these as `labels`, or if they are classes give `classes`"
        )
    start = "" if labels == "." else f"{labels}/"
    below = {tuple(path.removeprefix(start).split("/")[1:-1])[:1] for path in found.folders}
    if not classes and len(names) == 1 and len(below) > 1 and () not in below:
        (name,) = names
        raise BesError(
            f"{root / labels}: found one folder, {name}, with the folders "
            f"{', '.join(sorted(inside for (inside,) in below))} in it, expected one for each "
            f"class; give {start}{name} as `labels`, or if it is a class give `classes`"
        )
    none = {name for name in names if rows.is_background(name)}
    unknown = names.difference(classes, none) if classes else set()
    for name in sorted(unknown):
        found.problems.append(
            f"{root / labels / name}: found a folder of class {name!r}, expected one of "
            + ", ".join(classes)
        )
    for path, folders in found.folders.items():
        rows.add(
            root / labels,
            path.removeprefix(start),
            path,
            [n for n in folders if n not in none | unknown],
        )
    loose = f"{counted(found.loose, 'photograph')} in no folder of a class, left out"
    notes = [loose] if found.loose else []
    return LabelTable(
        rows.rows,
        found.problems + rows.problems,
        notes + rows.all_notes(),
        photographs={id_of(path): path for path in found.folders},
        others=found.others,
        passed=found.passed,
        loose=found.loose,
    )


def _read_json_lines(path: Path, rows: _Rows) -> None:
    example = '{"image": "a.jpg", "labels": ["cat"]}'
    unread: dict[str, None] = {}
    for number, line in enumerate(read_lines(path, "JSON lines"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BesError(
                f"{path}: line {number}: not JSON ({error}), expected a line such as {example}"
            ) from None
        if _is_row(value):
            rows.add(path, f"line {number}", value["image"], value["labels"] or [])
            unread |= dict.fromkeys(key for key in value if key not in ("image", "labels"))
        else:
            rows.problem(
                path, f"line {number}", f"found {line.strip()[:80]}, expected such as {example}"
            )
    if unread:
        rows.notes.append(f"keys of {path.name} not read: {', '.join(unread)}")


def is_background(name: str) -> bool:
    """Whether it is a word for having no class."""
    return name.casefold().strip("_") == BACKGROUND


def _is_number(label: str) -> bool:
    return label.casefold() in ONE_HOT or label.replace(".", "", 1).isdecimal()


def _is_row(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("image"), str)
        and "labels" in value
        and isinstance(labels := [] if value["labels"] is None else value["labels"], list)
        and all(isinstance(label, str) for label in labels)
    )
