"""Pseudo labels corrected by hand: a folder of masks, each of which takes the place of a label."""

from dataclasses import replace
from pathlib import Path

from bes.data.file_names import files_below, id_of, suffix_of
from bes.data.folder import Collected
from bes.data.left_out import endings, notes_of
from bes.errors import BesError
from bes.storage.words import counted

CORRECTIONS = "corrections"
"""The folder that `bes review` writes to, unless another one is configured."""
SCRIBBLES = "scribbles"
"""The folder of the strokes that they were solved from."""


def correction_files(folder: Path) -> dict[str, Path]:
    """Image -> its correction, in the folder or below it; there may be no such folder."""
    if not folder.is_dir():
        return {}
    files = (path for path, _ in files_below(folder, "."))
    return {id_of(path): folder / path for path in files if path.lower().endswith(".png")}


def has_corrections(root: Path, folder: str) -> bool:
    """Whether there is such a folder below the root.

    That of `bes review` may come later; raises BesError where another is missing, or is no folder.
    """
    path = root / folder
    if path.is_dir():
        return True
    if path.exists():
        raise BesError(f"dataset.corrections: found a file {path}, expected a folder with PNGs")
    if Path(folder) != Path(CORRECTIONS):
        raise BesError(f"dataset.corrections: found no folder {path}, expected one with PNGs")
    return False


def add_corrections(found: Collected, root: Path, folder: str) -> None:
    """Give each training photograph its correction, a PNG of its name below a folder of the root,
    if there are any yet."""
    if not has_corrections(root, folder):
        found.notes.append(f"no correction yet: found no folder {root / folder}")
        return
    files: dict[str, str] = {}
    others: list[str] = []
    passed: list[str] = []
    for path, _ in files_below(root, folder, passed):
        if suffix_of(path) != ".png":
            others.append(path)
            continue
        first = files.setdefault(id_of(path), path)
        if first != path:
            found.problems.append(
                f"{root / path}: found a second correction of {id_of(path)!r} beside {first}, "
                "expected one"
            )
    found.entries = [
        replace(entry, correction=files.pop(entry.id, "")) if entry.split == "train" else entry
        for entry in found.entries
    ]
    if files:
        found.notes.append(
            f"{counted(len(files), 'correction')} of no training photograph, left out"
        )
    if others:
        found.notes.append(
            f"{counted(len(others), 'file')} in {folder} of another kind than PNG, left out: "
            f"{endings(others)}"
        )
    found.notes += notes_of([], passed)
