"""Which classes photographs show, from what other tools export: Label Studio, Roboflow, COCO,
Hugging Face, and any table with a column of photographs beside labels or a column for each class.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bes.data.csv_tables import cells_of
from bes.data.file_names import best_of, id_of
from bes.data.label_tables import ONE_HOT
from bes.data.names import clean
from bes.data.text_files import read_text
from bes.errors import BesError

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
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""


def read_foreign(files: Iterable[Path], photographs: list[str]) -> Labels | None:
    """The labels in some files of the same form, JSON, JSON lines or CSV; None where they are of no
    form that is known, or of other photographs.

    `photographs` are relative to the root. One that a file does not name is left out; one without
    a label has an empty list. Raises BesError for a file that is no text.
    """
    find = _finder(photographs)
    found: Labels = {}
    for file in files:
        for name, labels in _rows_of(file, lambda text: find(text) is not None):
            if (photograph := find(name)) is not None:
                known = found.setdefault(photograph, [])
                known += [each for each in map(clean, labels) if each and each not in known]
    return found if any(found.values()) else None


def as_table(labels: Labels) -> str:
    """The labels as the CSV that a dataset has: image,labels. A name with a space in it is one
    label, as a semicolon stands behind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "labels"])
    spaced = any(re.search(r"[\s,|]", name) for names in labels.values() for name in names)
    for photograph, names in sorted(labels.items()):
        writer.writerow(
            [photograph, "".join(f"{n};" for n in names) if spaced else " ".join(names)]
        )
    return text.getvalue()


def _finder(photographs: list[str]) -> Callable[[str], str | None]:
    """A function from what a tool calls a photograph, such as an address, to its path."""
    by_id: dict[str, list[str]] = {}
    for path in photographs:
        by_id.setdefault(id_of(path), []).append(path)

    def find(text: str) -> str | None:
        # Of Label Studio's local files: /data/local-files/?d=folder/name.jpg
        place = unquote(text).rpartition("?d=")[2]
        for name in (place, _UPLOAD.sub("", place.replace("\\", "/").rpartition("/")[2])):
            if paths := by_id.get(id_of(name)):
                best = best_of(paths, name)
                return best[0] if len(best) == 1 else None
        return None

    return find


def _rows_of(
    file: Path, is_photograph: Callable[[str], bool]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Photograph and labels, as a file has them."""
    text = read_text(file, "a table of labels")
    if file.suffix.lower() == ".csv":
        header, *rows = [row for row in cells_of(file, text) if any(map(clean, row))] or [[]]
        names = [clean(cell) for cell in header]
        yield from _of_fields([dict(zip(names, row, strict=False)) for row in rows], is_photograph)
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        try:
            content = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            return
    if isinstance(content, dict):
        yield from _of_coco(file, content)
    elif isinstance(content, list) and all(isinstance(row, dict) for row in content):
        if any("data" in row for row in content):
            yield from _of_tasks(content, is_photograph)
        else:
            yield from _of_fields(content, is_photograph)


def _of_fields(
    rows: list[dict[str, Any]], is_photograph: Callable[[str], bool]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Rows with named fields: the photograph is in the one that names most of them."""
    named = {
        key: sum(is_photograph(str(row.get(key, ""))) for row in rows)
        for key in dict.fromkeys(key for row in rows for key in row)
    }
    image = max(named, key=lambda key: named[key], default="")
    if not named.get(image):
        return
    columns = {key.casefold(): key for key in named if key != image}
    column = next((columns[name] for name in LABELS if name in columns), None)
    classes = [
        key
        for name, key in columns.items()
        if name not in NO_CLASS and {_word(row.get(key)) for row in rows} <= ONE_HOT
    ]
    for row in rows:
        photograph = str(row.get(image, ""))
        if column is not None:
            yield photograph, _names(row.get(column))
        elif classes:
            shown = (key for key in classes if _word(row[key]) in ("1", "1.0", "true"))
            yield photograph, shown


def _word(value: Any) -> str:
    return clean(str(value)).casefold()


def _names(value: Any) -> list[str]:
    """The labels of a field: a text, also one with JSON in it, or a list, or Label Studio's
    {"choices": [...]}."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    if isinstance(value, dict):
        return [name for each in value.values() if isinstance(each, list) for name in _names(each)]
    if isinstance(value, list):
        return [
            name for each in value for name in ([each] if isinstance(each, str) else _names(each))
        ]
    if isinstance(value, str):
        return re.split(r"[;|\n]", value) if re.search(r"[;|\n]", value) else value.split(",")
    return []


def _of_tasks(
    tasks: list[dict[str, Any]], is_photograph: Callable[[str], bool]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Label Studio's JSON: choices, or the labels of boxes, polygons and brushes."""
    for task in tasks:
        data = task.get("data")
        fields = [v for v in data.values() if isinstance(v, str)] if isinstance(data, dict) else []
        photograph = next(filter(is_photograph, fields), None)
        annotations = task.get("annotations") or task.get("completions") or []
        made = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
        if photograph is None or not made:
            continue  # nobody has looked at it
        results = [r for r in made[-1].get("result", []) if isinstance(r, dict)]
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


def _of_coco(file: Path, content: dict[str, Any]) -> Iterator[tuple[str, Iterable[str]]]:
    """COCO's objects: the classes of those in a photograph, crowds aside."""
    if not content.keys() >= {"images", "annotations", "categories"}:
        return
    try:
        names = {each["id"]: str(each["name"]) for each in content["categories"]}
        shown: dict[Any, list[str]] = {each["id"]: [] for each in content["images"]}
        for each in content["annotations"]:
            if not each.get("iscrowd"):
                shown[each["image_id"]].append(names[each["category_id"]])
        for each in content["images"]:
            yield str(each["file_name"]), shown[each["id"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise BesError(
            f"{file}: found COCO's annotations without what they name ({type(error).__name__}: "
            f"{error}), expected each image and category that an annotation names"
        ) from None
