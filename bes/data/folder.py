"""A folder of photographs with a table of labels, and masks and split lists if there are any."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.file_names import SUFFIXES, best_of, files_below, folder_of, id_of
from bes.data.label_tables import BACKGROUND, read_label_table
from bes.errors import BesError

MAX_CLASSES = 254
"""A label is a byte, of which 0 is the background and 255 void."""
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
    corrections: str
    """Looked at elsewhere; named here because what lies there is no photograph and no mask."""
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
    correction: str = ""


@dataclass
class Collected:
    """What was found, and everything that is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    mask_values: tuple[int, ...] = ()
    values_given: bool = True
    """Whether the values of the masks were declared, or are 1, 2, 3... for want of that."""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parse_classes(given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`("cat=8", "cow=10")` or `("cat", "cow")` -> names and mask values (position + 1)."""
    names, values = [], []
    for position, text in enumerate(given, 1):
        name, equals, value = text.rpartition("=")
        if equals and not (value.isdecimal() and 1 <= int(value) <= MAX_CLASSES):
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

    Without `classes` they are those of the table in alphabetical order. Raises BesError where the
    table itself cannot be read; all other problems are collected.
    """
    found = Collected()
    names, values = parse_classes(classes)
    table = read_label_table(
        layout.root,
        layout.labels,
        classes=names,
        order=names or VOC_CLASSES,
        without=(layout.masks, layout.corrections),
    )
    found.problems += table.problems
    labels_seen = {label for row in table.rows for label in row.labels}
    found.classes = names or tuple(sorted(labels_seen))
    if len(found.classes) > MAX_CLASSES:
        raise BesError(
            f"{layout.root / layout.labels}: found {len(found.classes)} classes, expected at most "
            f"{MAX_CLASSES}"
        )
    numbered = tuple(range(1, len(found.classes) + 1))
    found.mask_values = values or numbered
    found.values_given = found.mask_values != numbered
    if not found.classes and not found.problems:
        found.problems.append(
            f"{layout.root / layout.labels}: found no class, expected one or more"
        )

    known = {row.id for row in table.rows}
    png = frozenset({".png"})
    if table.photographs is not None:
        photographs = {image: [path] for image, path in table.photographs.items()}
    else:
        # Beside the photographs, a PNG is a mask.
        beside = layout.photographs in (layout.masks, layout.corrections)
        suffixes = SUFFIXES - png if beside else SUFFIXES
        photographs = _by_stem(layout, layout.photographs, suffixes)
    masks = _by_stem(layout, layout.masks, png)
    splits = _read_splits(layout, known, found)
    # Without a list of training images, all that are not for validation are.
    otherwise = "" if layout.train else "train"
    absent = 0
    for row in table.rows:
        found.problems += [
            f"{row.place}: found class {label!r}, expected one of {', '.join(found.classes)}"
            + (f"; did you mean {near[0]!r}?" if near else "")
            for label in row.labels
            if label not in found.classes
            for near in [difflib.get_close_matches(label, found.classes, n=1)]
        ]
        named = [path for path in photographs.get(row.id, ()) if _in_folder(path, row.folder)]
        photograph = _one_of(named, f"{layout.photographs}/{row.image}", layout, found)
        if not photograph:
            if table.partial and row.id not in splits:
                absent += 1
            else:
                found.problems.append(
                    f"{row.place}: found no photograph of {row.folder + row.id!r} below "
                    f"{layout.root / layout.photographs}"
                    + "".join(f", only {path}, of another ending" for path in named[:1])
                )
            continue
        if split := splits.get(row.id, otherwise):
            labels = tuple(name for name in found.classes if name in row.labels)
            place = f"{folder_of(photograph).removeprefix(f'{layout.photographs}/')}{row.id}.png"
            mask = _one_of(masks.get(row.id, []), f"{layout.masks}/{place}", layout, found)
            found.entries.append(Entry(row.id, photograph, labels, split, mask))
    found.problems += [
        f"{layout.root / getattr(layout, split)}: found {image!r}, expected an image of "
        f"{layout.labels}"
        for image, split in splits.items()
        if image not in known
    ]
    counts = {
        "rows of the table without a photograph, left out": absent,
        "photographs without a row in the table, left out": len(photographs.keys() - known),
        "files of the same name as a photograph or mask, left out": sum(
            len(paths) - 1
            for image, paths in (*photographs.items(), *masks.items())
            if image in known
        ),
        "photographs in no split list, left out": 0 if otherwise else len(known - splits.keys()),
        "photographs without labels, kept as background only": sum(
            not entry.labels for entry in found.entries
        ),
    }
    found.notes += table.notes
    found.notes += [f"{count} {what}" for what, count in counts.items() if count]
    if not any(entry.split == "train" for entry in found.entries) and not found.problems:
        found.problems.append(f"{layout.root}: found no training photograph, expected one or more")
    return found


def _in_folder(path: str, folder: str) -> bool:
    """Whether the folders of a path end with the given ones."""
    return f"/{folder_of(path)}".endswith(f"/{folder}")


def _one_of(paths: list[str], place: str, layout: Layout, found: Collected) -> str:
    """The one of these files that is meant, as by `best_of`, or none; several are a problem."""
    best = best_of(paths, place)
    if len(best) > 1:
        found.problems.append(
            f"{layout.root / best[1]}: found a second file named {id_of(place)!r} beside "
            f"{best[0]}, expected one, or its folder and ending in the table; an image is known by "
            "its name without folder and ending"
        )
    return best[0] if best else ""


def _by_stem(layout: Layout, folder: str, suffixes: frozenset[str]) -> dict[str, list[str]]:
    """File name without ending -> paths, of the files with these endings below a folder; none
    without a folder."""
    paths: dict[str, list[str]] = {}
    if not folder:
        return paths
    # A folder may hold the masks and the corrections too: they are no photographs.
    others = tuple(
        f"{part}/"
        for part in (layout.masks, layout.corrections)
        if part and (folder == "." or part.startswith(f"{folder}/"))
    )
    for path, _ in files_below(layout.root, folder):
        if not path.startswith(others) and Path(path).suffix.lower() in suffixes:
            paths.setdefault(id_of(path), []).append(path)
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
            image = id_of(line.strip())
            if image not in known:
                image = id_of(line.split()[0])
            if image in splits:
                found.problems.append(
                    f"{path}: line {number}: found {image!r}, which is listed before; expected "
                    "each image once, in one list"
                )
            splits.setdefault(image, split)
    return splits
