"""Where the labels of a folder of photographs stand, whichever form somebody kept them in."""

from dataclasses import dataclass, replace
from pathlib import Path

from bes.data.file_names import SUFFIXES, files_below, id_of, suffix_of
from bes.data.folder import VOC_CLASSES
from bes.data.foreign_labels import as_table, read_foreign
from bes.data.label_tables import JSON_LINES, SPLITS, LabelTable, read_label_table
from bes.errors import BesError
from bes.storage.words import counted

TABLE = "labels.csv"
CONVERTED = "image_labels.csv"
"""Where `labels.csv` is taken by what had to be converted."""


@dataclass(frozen=True)
class FoundLabels:
    """The labels of a dataset."""

    labels: str
    """`dataset.labels`: a table or a folder, relative to the root."""
    source: str
    """What they were found in, in words."""
    content: str | None = None
    """What is to be written there first; None: it is there."""
    started: bool = False
    """Whether it is a table without labels yet."""
    notes: tuple[str, ...] = ()
    """What of the source is left out."""


def photographs_below(root: Path, folder: str) -> list[str]:
    """The photographs of a folder, relative to the root, but for hidden folders and masks beside
    them; raises BesError where there are none."""
    kept = ("SegmentationClass/", "corrections/", "scribbles/")
    found = [
        path
        for path, _ in files_below(root, folder)
        if suffix_of(path) in SUFFIXES and not path.startswith(kept)
    ]
    if not found:
        raise BesError(f"{root / folder}: found no photograph, expected one or more")
    return found


def find_labels(root: Path, photographs: list[str], given: str | None) -> FoundLabels:
    """The table that is `given`, else the one there is, else the folders of classes, else one to be
    started.

    Raises BesError where several tables could be meant, and for one that cannot be read.
    """
    if given is not None and not (root / given).exists():
        return _started(given, photographs)
    named = given if given is not None else TABLE if (root / TABLE).exists() else None
    if named is not None:
        found = _direct(root, named, photographs) or _converted(root, [named], photographs)
        if found is None:
            # Its own words say what is wrong.
            rows = counted(len(_read(root, named).rows), "row")
            raise BesError(
                f"{root / named}: found {rows} of other photographs, expected those of {root}, "
                f"such as {photographs[0]}"
            )
        return found
    files = _tables(root)
    direct = [found for name in files if (found := _direct(root, name, photographs))]
    if not direct:
        groups: dict[str, list[str]] = {}
        for name in files:
            folder, _, file = name.rpartition("/")
            groups.setdefault(file if folder.lower() in SPLITS else name, []).append(name)
        direct = [
            found for group in groups.values() if (found := _converted(root, group, photographs))
        ]
    if len(direct) > 1:
        names = ", ".join(each.source for each in direct)
        raise BesError(
            f"{root}: found several tables of labels ({names}), expected one; name it with --labels"
        )
    if direct:
        return direct[0]
    unknown = (f"of no known form of labels, left out: {', '.join(files)}",) if files else ()
    return replace(_folders(photographs) or _started(TABLE, photographs), notes=unknown)


def _tables(root: Path) -> list[str]:
    """Files that may hold labels: in the folder itself, and in those of a division into parts."""
    endings = (".csv", ".tsv", *JSON_LINES)
    folders = [p.name for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLITS]
    places = ["", *(f"{name}/" for name in folders), "annotations/"]
    return [
        f"{place}{path.name}"
        for place in places
        if (root / place).is_dir()
        for path in sorted((root / place).iterdir())
        if path.suffix.lower() in endings or path.name == "cls_labels.npy"
        if path.is_file() and not path.name.startswith(".")
    ]


def _read(root: Path, name: str) -> LabelTable:
    return read_label_table(root, name, classes=(), order=VOC_CLASSES, without=())


def _direct(root: Path, name: str, photographs: list[str]) -> FoundLabels | None:
    """A table as a dataset reads it."""
    if (root / name).is_dir():
        return FoundLabels(name, f"the folders of classes in {name}")
    try:
        table = _read(root, name)
    except BesError:
        return None
    known = {id_of(path) for path in photographs}
    if not any(row.id in known for row in table.rows):
        return None
    if name == TABLE and not table.problems and not any(row.labels for row in table.rows):
        return FoundLabels(name, name, started=True)
    return FoundLabels(name, name)


def _converted(root: Path, names: list[str], photographs: list[str]) -> FoundLabels | None:
    """Tables of another tool, to be written as one that a dataset reads."""
    notes: list[str] = []
    labels = read_foreign([root / name for name in names], photographs, notes)
    if labels is None:
        return None
    free = [name for name in (TABLE, CONVERTED) if not (root / name).exists()]
    if not free:
        raise BesError(
            f"{root / CONVERTED}: found a file, expected none, so that the labels of "
            f"{', '.join(names)} can be written there as image,labels"
        )
    return FoundLabels(free[0], " and ".join(names), as_table(labels), notes=tuple(notes))


def _folders(photographs: list[str]) -> FoundLabels | None:
    """Folders of classes, each with its photographs and nothing deeper; those of a division into
    parts have them one below."""
    base = "."
    parts = [path.split("/") for path in photographs]
    if {part[0].lower() for part in parts} <= SPLITS:
        base = next((part[0] for part in parts if part[0].lower().startswith("train")), ".")
        parts = [part[1:] for part in parts if part[0] == base]
    names = {part[0] for part in parts if len(part) == 2}
    if len(names) < 2 or any(len(part) != 2 for part in parts):
        return None
    where = "" if base == "." else f" in {base}"
    return FoundLabels(
        base, f"the names of {len(names)} folders{where}: {', '.join(sorted(names))}"
    )


def _started(name: str, photographs: list[str]) -> FoundLabels:
    if suffix_of(name) != ".csv":
        raise BesError(f"--labels: found no {name}, expected a table that is there, or a new .csv")
    return FoundLabels(name, name, as_table({path: [] for path in photographs}), started=True)
