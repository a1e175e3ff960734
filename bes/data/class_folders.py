"""A folder for each class, with the photographs of the class in it."""

import filecmp
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.file_names import SUFFIXES, files_below, id_of, suffix_of
from bes.data.left_out import notes_of
from bes.data.names import clean
from bes.errors import BesError


@dataclass
class ClassFolders:
    """What lies in the folders."""

    folders: dict[str, list[str]] = field(default_factory=dict)
    """Photograph, relative to the root -> the folders that it or its copies lie in, cleaned."""
    problems: list[str] = field(default_factory=list)
    loose: int = 0
    """Photographs beside the folders, in none of them."""
    others: list[str] = field(default_factory=list)
    """What is no photograph, or none that is read."""
    passed: list[str] = field(default_factory=list)
    """What can be neither opened nor named."""


def read_class_folders(root: Path, parent: str, *, without: tuple[str, ...]) -> ClassFolders:
    """The photographs below each folder of `parent`, a folder of the root.

    A photograph of two classes lies in both folders, under the same name with the same bytes;
    another file of the same name is a problem. `without` are files and folders of another use.
    Raises BesError if no folder has a photograph.
    """
    found = ClassFolders()
    first: dict[str, str] = {}
    start = "" if parent == "." else f"{parent}/"
    for path, _ in files_below(root, parent, found.passed):
        if any(path == part or path.startswith(f"{part}/") for part in without if part):
            continue
        if suffix_of(path) not in SUFFIXES:
            found.others.append(path)
            continue
        name, inside, _ = path.removeprefix(start).partition("/")
        if not inside:
            found.loose += 1
            continue
        folder = clean(name)
        original = first.setdefault(id_of(path), path)
        if original == path:
            found.folders[path] = [folder]
        elif _is_copy(root / original, root / path):
            found.folders[original].append(folder)
        else:
            found.problems.append(
                f"{root / path}: found another photograph than {original} under its name, expected "
                "a copy of it, with the same name and the same bytes, or a name of its own"
            )
    if not found.folders:
        beside = "".join(f"; {note}" for note in notes_of(found.others, found.passed))
        raise BesError(
            f"{root / parent}: found no folder with photographs in it, expected one for each class"
            + beside
        )
    return found


def _is_copy(one: Path, other: Path) -> bool:
    return clean(one.name) == clean(other.name) and filecmp.cmp(one, other, shallow=False)
