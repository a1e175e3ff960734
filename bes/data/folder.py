"""A folder of photographs with a table of labels, and masks and split lists if there are any."""

from dataclasses import dataclass, field
from pathlib import Path

from bes.data.class_notes import unknown_class
from bes.data.file_names import (
    SUFFIXES,
    best_of,
    files_below,
    folder_of,
    id_of,
    is_image_name,
    suffix_of,
)
from bes.data.label_tables import is_background, read_label_table
from bes.data.left_out import advice, endings, notes_of, unread_of
from bes.data.names import alike, clean, is_name
from bes.data.text_files import read_lines
from bes.errors import BesError
from bes.storage.words import counted

FLAGS = {"1", "0", "-1"}
"""What PASCAL VOC's lists say of an image, behind its name."""
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
    test: str
    reviewed: tuple[str, ...] = ()
    """What a review writes beside the corrections."""


@dataclass(frozen=True)
class Entry:
    """A row of the label table with the files that belong to it, relative to the root."""

    id: str
    photograph: str
    labels: tuple[str, ...]
    split: str
    mask: str
    correction: str = ""
    rejected: bool = False


@dataclass
class Collected:
    """What was found, and everything that is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    mask_values: tuple[int, ...] = ()
    values_given: bool = True
    """Whether the values of the masks were declared, or are 1, 2, 3... for want of that."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Image whose pseudo label a person accepted -> its digest, empty where it is not known."""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: int = 0
    """Photographs that are there and take no part, without anybody having said so in a list."""


def parse_classes(given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`("cat=8", "cow=10")` or `("cat", "cow")` -> names and mask values (position + 1)."""
    names, values = [], []
    for position, text in enumerate(given, 1):
        name, equals, value = (part.strip() for part in text.rpartition("="))
        if equals and not (value.isdecimal() and 1 <= int(value) <= MAX_CLASSES):
            raise BesError(
                f"classes: found {text!r}, expected name=value with a value from 1 to 254"
            )
        names.append(clean(name if equals else text))
        values.append(int(value) if equals else position)
    for what, items in (("name", list(names)), ("value", list(map(str, values)))):
        if twice := [item for item in items if items.count(item) > 1]:
            raise BesError(f"classes: found the {what} {twice[0]} twice, expected it once")
    if bad := [name for name in names if ";" in name or "," in name or not is_name(name)]:
        raise BesError(f"classes: found the name {bad[0]!r}, expected one without ; and , in it")
    if background := [name for name in names if is_background(name)]:
        raise BesError(
            f"classes: found {background[0]!r}, expected foreground classes alone; the background "
            "is index 0 without being named"
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
        without=(layout.masks, layout.corrections, layout.train, layout.val, layout.test),
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
    found.values_given = found.mask_values != numbered or "=" in "".join(classes)
    if not found.classes and not found.problems:
        found.problems.append(
            f"{layout.root / layout.labels}: found no class, expected one or more"
        )

    known = {row.id for row in table.rows}
    others, passed = table.others, table.passed
    if table.photographs is not None:
        photographs = {image: [path] for image, path in table.photographs.items()}
    else:
        files = _files_of(layout, layout.photographs, passed)
        others = [path for path in files if suffix_of(path) not in SUFFIXES]
        # Beside the photographs, a PNG is a mask.
        beside = layout.photographs in (layout.masks, layout.corrections)
        photographs = _by_stem(files, SUFFIXES - {".png"} if beside else SUFFIXES)
    closed = {id_of(path): path for path in passed}
    mask_files = _files_of(layout, layout.masks, passed) if layout.masks else []
    masks = _by_stem(mask_files, frozenset({".png"}))
    splits = _read_splits(layout, known, known | photographs.keys(), found)
    # Without a list of training images, all that are not for validation are.
    otherwise = "" if layout.train else "train"
    absent = 0
    unread = {id_of(path): path for path in others}
    near = {alike(image): image for image in photographs.keys() - known}
    for row in table.rows:
        found.problems += [
            f"{row.place}: {unknown_class(label, found.classes)}"
            for label in row.labels
            if label not in found.classes
        ]
        named = [p for p in photographs.get(row.id, ()) if in_folder(layout.root / p, row.folder)]
        photograph = _one_of(named, f"{layout.photographs}/{row.image}", layout, found)
        if not photograph:
            if table.partial and row.id not in splits:
                absent += 1
            elif row.id in unread:
                found.problems.append(
                    f"{row.place}: found {unread[row.id]}, a kind of file that is not read, "
                    f"expected a JPEG, PNG, TIFF...; {advice([unread[row.id]])}"
                )
            elif row.id in closed:
                found.problems.append(
                    f"{row.place}: found {closed[row.id]}, which cannot be opened, expected a "
                    "photograph, or a link to one that is there"
                )
            else:
                found.problems.append(
                    f"{row.place}: found no photograph of {row.folder + row.id!r} below "
                    f"{layout.root / layout.photographs}" + _hint(row.id, named, near)
                )
            continue
        if split := splits.get(row.id, otherwise):
            labels = tuple(name for name in found.classes if name in row.labels)
            folder = folder_of(photograph.removeprefix(f"{layout.photographs}/"))
            place = f"{layout.masks}/{folder}{row.id}.png"
            mask = _one_of(masks.get(row.id, []), place, layout, found)
            found.entries.append(Entry(row.id, photograph, labels, split, mask))
    if layout.test:
        _add_test(layout, found, others, passed)
    tested = {entry.photograph for entry in found.entries if entry.split == "test"}
    no_row = [path for image in photographs.keys() - known for path in photographs[image]]
    no_row = sorted(path for path in no_row if path not in tested)
    example = no_row[0] if no_row else ""
    found.left_out = len(no_row) + table.loose + len(unread_of(others))
    counts = {
        ("row", "of the table without a photograph, left out"): absent,
        ("photograph", f"without a row in the table, left out, such as {example}"): len(no_row),
        ("file", "of the same name as a photograph or mask, left out"): sum(
            len(paths) - 1
            for image, paths in (*photographs.items(), *masks.items())
            if image in known
        ),
        ("photograph", "in no split list, left out"): 0
        if otherwise
        else len(known - splits.keys()) - absent,
        ("mask", f"in {layout.masks} of no row of the table, left out"): len(masks.keys() - known),
        ("photograph", "without labels, kept as background only"): sum(
            not entry.labels for entry in found.entries if entry.split != "test"
        ),
    }
    found.notes += table.notes
    found.notes += [f"{counted(n, noun)} {what}" for (noun, what), n in counts.items() if n]
    others = [p for p in others if not any(_inside(p, part) for part in layout.reviewed)]
    found.notes += notes_of(others, list(dict.fromkeys(passed)))
    no_png = [path for path in mask_files if suffix_of(path) != ".png"]
    if no_png and not _inside(layout.photographs, layout.masks):
        found.notes.append(
            f"{counted(len(no_png), 'file')} in {layout.masks} of another kind than PNG, left out: "
            f"{endings(no_png)}"
        )
    if not found.problems:
        train = [entry for entry in found.entries if entry.split == "train"]
        if not train:
            found.problems.append(
                f"{layout.root}: found no training photograph, expected one or more"
            )
        elif not any(entry.labels for entry in train):
            found.problems.append(
                f"{layout.root / layout.labels}: found no class of any training photograph, "
                "expected one or more"
            )
    return found


def _add_test(layout: Layout, found: Collected, others: list[str], passed: list[str]) -> None:
    """Add the photographs to test on, of which nothing is known.

    What lies beside them and is none is added to `others` and `passed`.
    """
    known = {entry.id: entry for entry in found.entries}
    files = _files_of(layout, layout.test, passed)
    others += [path for path in files if suffix_of(path) not in SUFFIXES]
    photographs = [path for path in files if suffix_of(path) in SUFFIXES]
    if not photographs:
        found.problems.append(
            f"{layout.root / layout.test}: found no photograph to test on, expected one or more"
        )
    for path in photographs:
        first, image = known.get(id_of(path)), id_of(path)
        if not is_image_name(image):
            found.problems.append(
                f"{layout.root / path}: found the image name {image!r}, expected a file name"
            )
        elif first is None:
            known[image] = Entry(image, path, (), "test", "")
            found.entries.append(known[image])
        elif first.photograph == path:
            found.problems.append(
                f"{layout.root / path}: found a photograph to test on that is of the "
                f"{first.split} photographs, too, expected it in one of the two"
            )
        else:
            found.problems.append(
                f"{layout.root / path}: found a second photograph named {image!r} beside "
                f"{first.photograph}, expected a name of its own; `bes predict` takes any names"
            )


def in_folder(path: Path, folder: str) -> bool:
    """Whether the folders of a file end with the given ones, or from the root of the file system on
    are these."""
    folders = folder_of(str(path.absolute()))
    return folders == folder or folders.endswith(f"/{folder}")


def _hint(image: str, named: list[str], near: dict[str, str]) -> str:
    """What is there in place of a photograph: files of its name, or one of a name like it."""
    if named:
        return f", only {named[0]}, of another ending"
    return f"; did you mean {near[alike(image)]!r}?" if alike(image) in near else ""


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


def _inside(path: str, folder: str) -> bool:
    """Whether a file or folder is a folder or lies below it; both relative to the root."""
    return folder == "." or path == folder or path.startswith(f"{folder}/")


def _files_of(layout: Layout, folder: str, passed: list[str]) -> list[str]:
    """The files below a folder that are of no other part of the dataset; what can be neither
    opened nor named is added to `passed`."""
    parts = [layout.labels, layout.masks, layout.corrections]
    parts += [layout.train, layout.val, layout.test]
    # That photographs to test on are no others is said elsewhere.
    parts += [layout.photographs] * (folder == layout.masks)
    others = [part for part in parts if part and part != folder and _inside(part, folder)]
    return [
        path
        for path, _ in files_below(layout.root, folder, passed)
        if not any(_inside(path, part) for part in others)
    ]


def _by_stem(files: list[str], suffixes: frozenset[str]) -> dict[str, list[str]]:
    """File name without ending -> the files of that name with these endings."""
    paths: dict[str, list[str]] = {}
    for path in files:
        if suffix_of(path) in suffixes:
            paths.setdefault(id_of(path), []).append(path)
    return paths


def _read_splits(
    layout: Layout, known: set[str], there: set[str], found: Collected
) -> dict[str, str]:
    """Image -> train or val, from lists with one image a line; `known` have a row in the table,
    `there` are those that have a file too."""
    splits: dict[str, str] = {}
    for split in ("train", "val"):
        name = getattr(layout, split)
        if not name:
            continue
        path = layout.root / name
        for number, line in enumerate(read_lines(path, "a list"), 1):
            if not clean(line):
                continue
            image = _listed(line, there)
            first, *columns = clean(line).split()
            words = {word for word in columns if "/" not in word} - FLAGS
            more = {id_of(word) for word in words} & known - {image}
            if more and image == id_of(first):
                found.problems.append(
                    f"{path}: line {number}: found {sorted(more)[0]!r} beside {image!r}, expected "
                    "one image a line"
                )
            elif image not in known:
                found.problems.append(
                    f"{path}: line {number}: found {image!r}, expected an image of {layout.labels}"
                )
            elif image in splits:
                found.problems.append(
                    f"{path}: line {number}: found {image!r}, which is listed before; expected "
                    "each image once, in one list"
                )
            splits.setdefault(image, split)
    return splits


def _listed(line: str, there: set[str]) -> str:
    """The image of a line of a list. Columns after it are ignored, such as the path of its mask or
    one of `FLAGS`; a name may have spaces in it."""
    first, *columns = clean(line).split()
    if id_of(first) in there and all("/" in word for word in (first, *columns)):
        return id_of(first)
    whole = id_of(line) in there or any(suffix_of(word) in SUFFIXES for word in columns)
    return id_of(line if whole else first)
