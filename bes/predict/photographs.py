"""The photographs of a folder that nobody made a dataset of, and what their results are called."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from bes.data.file_names import SUFFIXES, files_below, suffix_of
from bes.data.left_out import notes_of
from bes.errors import BesError


class Found(NamedTuple):
    """What lies in a folder."""

    names: dict[str, str]
    """Photograph, relative to the folder -> what its results are called there, without ending."""
    notes: list[str]
    """Files that nothing is done with, in words."""


def find_photographs(folder: Path, *, without: Path) -> Found:
    """The photographs below a folder, in the order of their names, but for those below `without`.

    Raises BesError if there is no such folder, or no photograph in it.
    """
    if not folder.is_dir():
        raise BesError(f"{folder}: found no such folder, expected one with photographs")
    passed: list[str] = []
    results = without.resolve()
    # A folder of results inside it is full of pictures too.
    skipped = f"{results.relative_to(folder.resolve())}/" if _is_below(results, folder) else None
    files = [
        path
        for path, _ in files_below(folder, "", passed)
        if skipped is None or not path.startswith(skipped)
    ]
    photographs = [path for path in files if suffix_of(path) in SUFFIXES]
    notes = notes_of([path for path in files if suffix_of(path) not in SUFFIXES], passed)
    if not photographs:
        raise BesError("; ".join([f"{folder}: found no photograph, expected one or more", *notes]))
    return Found(_names_of(photographs), notes)


def _names_of(photographs: list[str]) -> dict[str, str]:
    """Each without its ending; with it where two would be called the same, such as a.jpg and a.png.

    What a photograph is called does not depend on those in other folders.
    """
    names = {path: path[: -len(suffix_of(path))] for path in photographs}
    while twice := [name for name, count in Counter(names.values()).items() if count > 1]:
        names |= {path: path for path, name in names.items() if name in twice}
    return names


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder.resolve())
