"""A folder of photographs with a table of labels, and masks and split lists if there are any."""

import csv
import difflib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bes.errors import BesError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
BACKGROUND = "background"
# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# fmt: on


@dataclass(frozen=True)
class Layout:
    """Where the parts of a folder dataset lie, relative to its root; empty: there is none."""

    root: Path
    photographs: str
    labels: str
    masks: str
    train: str
    val: str


@dataclass(frozen=True)
class Entry:
    """A row of the label table with the files that belong to it, relative to the root."""

    id: str
    photograph: str
    labels: tuple[str, ...]
    split: str
    mask: str


@dataclass
class Collected:
    """What was found, and everything that is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    mask_values: tuple[int, ...] = ()
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def files_below(root: Path, folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files below a folder of the root, as (path relative to the root, stat), in order."""
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{folder}/{entry.name}" if folder not in ("", ".") else entry.name
            if entry.name.startswith(".") or not _is_text(entry.name):
                continue
            if entry.is_dir():
                yield from files_below(root, path)
            elif entry.is_file():  # a link to nowhere is none
                yield path, entry.stat()


def _is_text(name: str) -> bool:
    """Whether a file name is valid Unicode; no table and no list could name it otherwise."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def parse_classes(given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`("cat=8", "cow=10")` or `("cat", "cow")` -> names and mask values (position + 1)."""
    names, values = [], []
    for position, text in enumerate(given, 1):
        name, equals, value = text.rpartition("=")
        if equals and not (value.isdigit() and 1 <= int(value) <= 254):
            raise BesError(
                f"classes: found {text!r}, expected name=value with a value from 1 to 254"
            )
        names.append(name if equals else text)
        values.append(int(value) if equals else position)
    for what, items in (("name", list(names)), ("value", list(map(str, values)))):
        if twice := [item for item in items if items.count(item) > 1]:
            raise BesError(f"classes: found the {what} {twice[0]} twice, expected it once")
    if bad := [name for name in names if ";" in name or "," in name or not name.strip()]:
        raise BesError(f"classes: found the name {bad[0]!r}, expected one without ; and , in it")
    if BACKGROUND in names:
        raise BesError(
            f"classes: found {BACKGROUND!r}, expected foreground classes alone; the background is "
            "index 0 without being named"
        )
    return tuple(names), tuple(values)


def collect(layout: Layout, classes: tuple[str, ...]) -> Collected:
    """Match label table, photographs, masks and split lists.

    Without `classes` they are those of the table in alphabetical order; their mask values are
    VOC's if all are classes of PASCAL VOC, else 1, 2, 3... Raises BesError where the table itself
    cannot be read; all other problems are collected.
    """
    found = Collected()
    names, found.mask_values = parse_classes(classes)
    rows = _read_table(layout.root / layout.labels, names, found)
    labels_seen = {label for row in rows for label in row.labels}
    found.classes = names or tuple(sorted(labels_seen))
    if not names:
        order = {name: index for index, name in enumerate(VOC_CLASSES, 1)}
        voc = labels_seen.issubset(order)
        found.mask_values = tuple(
            order[name] if voc else index for index, name in enumerate(found.classes, 1)
        )
    if not found.classes:
        found.problems.append(
            f"{layout.root / layout.labels}: found no class, expected one or more"
        )

    known = {row.id for row in rows}
    # Beside the photographs, a PNG is a mask.
    suffixes = SUFFIXES - {".png"} if layout.masks == layout.photographs else SUFFIXES
    photographs = _by_stem(layout, layout.photographs, suffixes, found, among=known)
    masks = (
        _by_stem(layout, layout.masks, frozenset({".png"}), found, among=known)
        if layout.masks
        else {}
    )
    splits = _read_splits(layout, known, found)
    # Without a list of training images, all that are not for validation are.
    otherwise = "" if layout.train else "train"
    for row in rows:
        found.problems += [
            f"{layout.root / layout.labels}: row {row.number}: found class {label!r}, expected one "
            f"of {', '.join(found.classes)}" + (f"; did you mean {near[0]!r}?" if near else "")
            for label in row.labels
            if label not in found.classes
            for near in [difflib.get_close_matches(label, found.classes, n=1)]
        ]
        photograph = photographs.get(row.id)
        if photograph is None or not _in_folder(photograph, row.folder):
            found.problems.append(
                f"{layout.root / layout.labels}: row {row.number}: found no photograph of "
                f"{row.folder + row.id!r} below {layout.root / layout.photographs}"
            )
            continue
        if split := splits.get(row.id, otherwise):
            labels = tuple(name for name in found.classes if name in row.labels)
            mask = masks.get(row.id, "")
            found.entries.append(Entry(row.id, photograph, labels, split, mask))
    found.problems += [
        f"{layout.root / getattr(layout, split)}: found {image!r}, expected an image of "
        f"{layout.labels}"
        for image, split in splits.items()
        if image not in known
    ]
    counts = {
        "photographs without a row in the table, left out": len(photographs.keys() - known),
        "photographs in no split list, left out": 0 if otherwise else len(known - splits.keys()),
        "photographs without labels, kept as background only": sum(
            not entry.labels for entry in found.entries
        ),
    }
    found.notes += [f"{count} {what}" for what, count in counts.items() if count]
    if not any(entry.split == "train" for entry in found.entries) and not found.problems:
        found.problems.append(f"{layout.root}: found no training photograph, expected one or more")
    return found


@dataclass(frozen=True)
class _Row:
    number: int
    id: str
    folder: str
    """With its final slash, where the table gives one."""
    labels: tuple[str, ...]


def _read_table(path: Path, classes: tuple[str, ...], found: Collected) -> list[_Row]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise BesError(f"{path}: no such label table, expected a CSV with image,labels") from None
    except OSError as error:
        raise BesError(
            f"{path}: cannot be read ({error.strerror}), expected a CSV with image,labels"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BesError(f"{path}: not a CSV in UTF-8 ({error})") from None
    header = [cell.strip() for cell in table[0]] if table else []
    if header != ["image", "labels"]:
        raise BesError(f"{path}: row 1: found {','.join(header)!r}, expected image,labels")
    rows: list[_Row] = []
    first: dict[str, int] = {}
    separator = _separator_of(cells[1] for cells in table[1:] if len(cells) == 2)
    for number, cells in enumerate(table[1:], 2):
        if not cells:
            continue
        if len(cells) != 2:
            found.problems.append(
                f"{path}: row {number}: found {len(cells)} columns, expected 2; separate labels by "
                "spaces or semicolons"
            )
            continue
        image, text = (cell.strip() for cell in cells)
        id_ = _id_of(image)
        labels = _split_labels(text, separator, classes)
        if not id_ or id_.startswith(".") or "\\" in id_ or "\0" in id_:
            found.problems.append(
                f"{path}: row {number}: found the image name {image!r}, expected a file name"
            )
        elif id_ in first:
            found.problems.append(
                f"{path}: row {number}: found {id_!r} again, first in row {first[id_]}; expected "
                "each image once"
            )
        elif BACKGROUND in labels and BACKGROUND not in classes:
            found.problems.append(
                f"{path}: row {number}: found the label {BACKGROUND!r}, expected foreground "
                "classes alone; a photograph without any has an empty field"
            )
        else:
            first[id_] = number
            rows.append(_Row(number, id_, _folder_of(image), labels))
    return rows


def _id_of(image: str) -> str:
    """The file name without folders and without the ending of a picture."""
    # Some systems spell an accented letter as one character, some as two.
    name = unicodedata.normalize("NFC", image).replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else name


def _folder_of(image: str) -> str:
    """What stands before the file name, with the final slash."""
    text = unicodedata.normalize("NFC", image).replace("\\", "/").removeprefix("./")
    return text[: text.rfind("/") + 1]


def _in_folder(path: str, folder: str) -> bool:
    """Whether the folders of a path end with the given ones."""
    return f"/{_folder_of(path)}".endswith(f"/{folder}")


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


def _by_stem(
    layout: Layout,
    folder: str,
    suffixes: frozenset[str],
    found: Collected,
    *,
    among: set[str],
) -> dict[str, str]:
    """File name without ending -> path, of the files with these endings below a folder."""
    paths: dict[str, str] = {}
    # The root may hold the masks too: they are no photographs.
    masks = f"{layout.masks}/" if layout.masks and folder != layout.masks else "\0"
    for path, _ in files_below(layout.root, folder):
        stem = _id_of(path)
        if path.startswith(masks) or Path(path).suffix.lower() not in suffixes:
            continue
        if stem in paths and stem in among:
            found.problems.append(
                f"{layout.root / path}: found a second file named {stem!r} beside {paths[stem]}, "
                "expected one; an image is known by its name without folder and ending"
            )
        paths.setdefault(stem, path)
    return paths


def _read_splits(layout: Layout, known: set[str], found: Collected) -> dict[str, str]:
    """Image -> train or val, from lists with one image a line, further columns ignored."""
    splits: dict[str, str] = {}
    for split in ("train", "val"):
        name = getattr(layout, split)
        if not name:
            continue
        path = layout.root / name
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise BesError(f"{path}: cannot be read ({error.strerror}), expected a list") from None
        except UnicodeDecodeError as error:
            raise BesError(f"{path}: not a list in UTF-8 ({error})") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            image = _id_of(line.strip())
            if image not in known:
                image = _id_of(line.split()[0])
            if image in splits:
                found.problems.append(
                    f"{path}: line {number}: found {image!r}, which is listed before; expected "
                    "each image once, in one list"
                )
            splits.setdefault(image, split)
    return splits
