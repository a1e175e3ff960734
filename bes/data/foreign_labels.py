"""Which classes photographs show, from what other tools export: Label Studio, Roboflow, COCO,
Hugging Face, and any table with a column of photographs beside labels or a column for each class.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bes.data.csv_tables import LIST, cells_of
from bes.data.file_names import SUFFIXES, best_of, id_of, suffix_of
from bes.data.names import clean
from bes.data.spreadsheet import csv_text
from bes.data.text_files import read_text
from bes.errors import BesError
from bes.storage.words import counted

Labels = dict[str, list[str]]
"""Photograph, as a path relative to the root -> its labels."""

LABELS = (
    *("labels", "label", "classes", "class", "class_name", "categories", "category"),
    *("choices", "choice", "tags", "tag"),
)
"""Columns of labels, in small letters; the first that is there counts."""
NO_CLASS = {
    "",
    "id",
    "index",
    "split",
    "annotator",
    "annotation_id",
    "lead_time",
    "width",
    "height",
}
"""Columns, in small letters, that are none of a class even if all is 0 and 1 there."""
SHOWN = {"1", "true", "t", "yes", "y", "x", "+", "✓", "✔", "wahr", "vrai", "vero", "verdadero"}
NOT_SHOWN = {"0", "false", "f", "no", "n", "", "-", "nan", "falsch", "faux", "falso"}
"""What a column of a class has, in small letters and without decimals."""
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""
NAMED = 8
"""Columns that a note names at most."""
_AGAIN = "\0"
"""What stands here between the name of a column that was there before and its number."""


def read_foreign(
    files: Iterable[Path], photographs: list[str], notes: list[str] | None = None
) -> Labels | None:
    """The labels in some files of the same form, JSON, JSON lines or CSV; None where they are of no
    form that is known, or of other photographs.

    `photographs` are relative to the root. One that a file does not name is left out; one without
    a label has an empty list. Rows and columns that are left out are added to `notes`. Raises
    BesError for a file that is no text, and for one of such a form with something in it that is
    none.
    """
    find = _finder(photographs)
    said = [] if notes is None else notes
    found: Labels = {}
    for file in files:
        called: dict[str, str] = {}
        strange: list[str] = []
        for name, labels in _rows_of(file, lambda text: find(text) is not None, said):
            if (photograph := find(name)) is None:
                strange += [name] * bool(clean(name))
                continue
            if (other := called.setdefault(photograph, name)) != name:
                raise BesError(
                    f"{file}: found {other!r} and {name!r}, of which there is only {photograph}, "
                    "expected a photograph for each"
                )
            known = found.setdefault(photograph, [])
            for label in map(clean, labels):
                if re.search(r"[;|]", label) or LIST.fullmatch(label):
                    raise BesError(
                        f"{file}: {name}: found the label {label!r}, expected a name without "
                        "brackets, quotes, ; and |"
                    )
                if label and label not in known:
                    known.append(label)
        if strange:
            said.append(
                f"{counted(len(strange), 'row')} of {file.name} of none of the photographs, or of "
                f"several, left out, such as {strange[0]!r}"
            )
    return found if any(found.values()) else None


def as_table(labels: Labels) -> str:
    """The labels as the CSV that a dataset has: image,labels. A name with a space in it is one
    label, as a semicolon stands behind."""
    spaced = any(re.search(r"[\s,]", name) for names in labels.values() for name in names)
    rows = [
        (photograph, "".join(f"{n};" for n in names) if spaced else " ".join(names))
        for photograph, names in sorted(labels.items())
    ]
    return csv_text([("image", "labels"), *rows])


def _finder(photographs: list[str]) -> Callable[[str], str | None]:
    """A function from what a tool calls a photograph, such as an address, to its path."""
    by_id: dict[str, list[str]] = {}
    for path in photographs:
        by_id.setdefault(id_of(path), []).append(path)

    def find(text: str) -> str | None:
        # Of Label Studio's local files: /data/local-files/?d=folder/name.jpg
        place = unquote(text).rpartition("?d=")[2]
        upload = _UPLOAD.sub("", place.replace("\\", "/").rpartition("/")[2])
        for name in (text, place, upload):
            if paths := by_id.get(id_of(name)):
                best = best_of(paths, name)
                return best[0] if len(best) == 1 else None
        return None

    return find


def _rows_of(
    file: Path, is_photograph: Callable[[str], bool], notes: list[str]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Photograph and labels, as a file has them; columns that are not read are added to `notes`."""
    text = read_text(file, "a table of labels")
    if file.suffix.lower() in (".csv", ".tsv"):
        header, *rows = [row for row in cells_of(file, text) if any(map(clean, row))] or [[]]
        # A name that was there before is told apart by what is in no name.
        names: list[str] = []
        for number, name in enumerate(map(clean, header)):
            names.append(name if name not in names else f"{name}{_AGAIN}{number}")
        for row in rows:
            if any(map(clean, row[len(names) :])) and any(map(is_photograph, row)):
                raise BesError(
                    f"{file}: {row[0]}: found {len(row)} columns, expected {len(names)}; put "
                    "labels with a comma between into quotes"
                )
        fields = [dict(zip(names, [*row, *[""] * len(names)], strict=False)) for row in rows]
        yield from _of_fields(file, fields, is_photograph, notes)
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        try:
            content = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            return
    if isinstance(content, dict) and "images" not in content:
        # Photograph -> its labels, or which of the classes it shows.
        fields = [
            {"image": name, **(shown if isinstance(shown, dict) else {"labels": shown})}
            for name, shown in content.items()
        ]
        yield from _of_fields(file, fields, is_photograph, notes)
    elif isinstance(content, dict):
        yield from _of_coco(file, content)
    elif isinstance(content, list) and all(isinstance(row, dict) for row in content):
        if any("data" in row for row in content):
            yield from _of_tasks(content, is_photograph)
        else:
            yield from _of_fields(file, content, is_photograph, notes)


def _of_fields(
    file: Path,
    rows: list[dict[str, Any]],
    is_photograph: Callable[[str], bool],
    notes: list[str],
) -> Iterator[tuple[str, Iterable[str]]]:
    """Rows with named fields: the photograph is in the one that names most of them, with their
    endings where 1 may be 1.jpg, or the 1 of a class."""
    named: dict[str, tuple[int, int]] = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        photographs = {t for t in (str(row.get(key, "")) for row in rows) if is_photograph(t)}
        named[key] = len(photographs), sum(suffix_of(each) in SUFFIXES for each in photographs)
    image = max(named, key=lambda key: named[key], default="")
    if not any(named.get(image, ())):
        return
    columns = {key.casefold(): key for key in named if key != image}
    column = next((columns[name] for name in LABELS if name in columns), None)
    of_photographs = [row for row in rows if is_photograph(str(row.get(image, "")))]
    classes = [] if column else _class_columns(file, of_photographs, image)
    if column is None and not classes:
        return
    read = {image, column, *classes}
    used = (key for key in named if key not in read and any(_word(row.get(key)) for row in rows))
    names = (key.partition(_AGAIN)[0] for key in used)
    if unread := [name for name in names if name.casefold() not in NO_CLASS]:
        more = ", ..." if len(unread) > NAMED else ""
        notes.append(f"columns of {file.name} not read: {', '.join(unread[:NAMED])}{more}")
    before: dict[str, list[str]] = {}
    for row in rows:
        name = str(row.get(image, ""))
        if column is not None:
            yield name, _names(row.get(column))
            continue
        shown = [key for key in classes if _word(row.get(key)) in SHOWN]
        if before.setdefault(name, shown) != shown:
            raise BesError(
                f"{file}: found {name!r} again, with other classes, expected each photograph once"
            )
        yield name, shown


def _class_columns(file: Path, rows: list[dict[str, Any]], image: str) -> list[str]:
    """The columns that say of a class whether a photograph shows it.

    A column in which most cells do so is meant for one: raises BesError for another cell in it,
    and for two columns of one name.
    """
    found: dict[str, str] = {}
    for key in dict.fromkeys(key for row in rows for key in row if key != image):
        name, words = key.partition(_AGAIN)[0], [_word(row.get(key)) for row in rows]
        strange = [place for place, word in enumerate(words) if word not in SHOWN | NOT_SHOWN]
        if name.casefold() in NO_CLASS or not any(words) or len(strange) > len(words) / 2:
            continue
        if strange:
            raise BesError(
                f"{file}: {rows[strange[0]][image]}: found {words[strange[0]]!r} in the column "
                f"{name!r}, expected 1 where the photograph shows it, else 0"
            )
        if (other := found.setdefault(name.casefold(), key)) != key:
            raise BesError(f"{file}: found two columns {other!r}, expected one for each class")
    return list(found.values())


def _word(value: Any) -> str:
    """A cell in small letters, a number without decimals that are 0."""
    text = "" if value is None else clean(str(value)).casefold()
    return re.sub(r"(?<=^[01])[.,]0+$", "", text)


def _names(value: Any) -> list[str]:
    """The labels of a field: a text, also one with JSON in it, or a list, or Label Studio's
    {"choices": [...]}."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            try:
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return [value]
    if isinstance(value, dict):
        return [name for each in value.values() if isinstance(each, list) for name in _names(each)]
    if isinstance(value, list):
        return [
            name for each in value for name in ([each] if isinstance(each, str) else _names(each))
        ]
    if isinstance(value, str):
        return re.split(r"[;|\n]", value) if re.search(r"[;|\n]", value) else value.split(",")
    # The number of a class, of which nothing here says the name.
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return [f"{value:g}"]
    return []


def _of_tasks(
    tasks: list[dict[str, Any]], is_photograph: Callable[[str], bool]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Label Studio's JSON: choices, or the labels of boxes, polygons and brushes."""
    for task in tasks:
        data = task.get("data")
        fields = [v for v in data.values() if isinstance(v, str)] if isinstance(data, dict) else []
        photograph = next(filter(is_photograph, fields), None)
        annotations = _dicts(task.get("annotations") or task.get("completions"))
        made = [each for each in annotations if not each.get("was_cancelled")]
        if not made:
            continue  # nobody has looked at it
        if photograph is None:
            yield next(iter(fields), ""), []
            continue
        results = _dicts(made[-1].get("result"))
        values = [r["value"] for r in results if isinstance(r.get("value"), dict)]
        yield (
            photograph,
            [
                name
                for value in values
                for key, names in value.items()
                if key == "choices" or key.endswith("labels")
                for name in _names(names)
            ],
        )


def _dicts(value: Any) -> list[dict[str, Any]]:
    """Those in a list; none of another value."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _of_coco(file: Path, content: dict[str, Any]) -> Iterator[tuple[str, Iterable[str]]]:
    """COCO's objects: the classes of those in a photograph, crowds aside."""
    if not content.keys() >= {"images", "annotations", "categories"}:
        return
    try:
        names = {each["id"]: str(each["name"]) for each in content["categories"]}
        shown: dict[Any, list[str]] = {each["id"]: [] for each in content["images"]}
        for each in content["annotations"]:
            if _word(each.get("iscrowd")) in NOT_SHOWN:
                shown[each["image_id"]].append(names[each["category_id"]])
        for each in content["images"]:
            yield str(each["file_name"]), shown[each["id"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise BesError(
            f"{file}: found COCO's annotations without what they name ({type(error).__name__}: "
            f"{error}), expected each image and category that an annotation names"
        ) from None
