"""The folder of an export: there whole or not at all, and never in the place of something else."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bes.engine.files import write_atomic
from bes.engine.lock import locked
from bes.errors import BesError

MARKER = "export.json"
"""Says what an export was made of, and which files belong to it."""


def is_up_to_date(out: Path, origin: dict[str, str]) -> bool:
    """Whether `out` is an export of just this whose files all have the size that they had.

    Links are followed: an export whose photographs moved away is not up to date.
    """
    marker = _read_marker(out)
    return (
        marker is not None and marker["origin"] == origin and marker["files"] == _sizes_below(out)
    )


@contextlib.contextmanager
def rebuilt(out: Path, origin: dict[str, str]) -> Iterator[Path]:
    """A temporary folder beside `out` to fill, which takes the place of `out` in the end.

    After an error or a kill `out` is as it was. Raises BesError if there is something else at
    `out`, or beside the export's own files.
    """
    # A parent that is missing stays so where the export is refused.
    _refuse_foreign(out)
    # Of one name, so that what a killed run left is found.
    temporary, previous = (out.with_name(f".{out.name}.{end}") for end in ("new", "old"))
    with locked(out.with_name(f".{out.name}.lock")):
        _recover(out, temporary, previous)
        temporary.mkdir()
        try:
            yield temporary
            marker = {"origin": origin, "files": _sizes_below(temporary)}
            write_atomic(temporary / MARKER, (json.dumps(marker, indent=0) + "\n").encode())
            _refuse_foreign(out)
            if out.exists():
                out.rename(previous)
            temporary.rename(out)
        finally:
            _recover(out, temporary, previous)


def _recover(out: Path, temporary: Path, previous: Path) -> None:
    """Put the previous export back if nothing took its place, and remove what is left over."""
    if previous.exists() and not out.exists():
        previous.rename(out)
    for leftover in (temporary, previous):
        if leftover.exists():
            shutil.rmtree(leftover)


def _refuse_foreign(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise BesError(f"{out}: found a file, expected a folder or nothing")
    files = set(_files_below(out))
    if not files and not any(out.iterdir()):
        return
    marker = _read_marker(out)
    if marker is None:
        raise BesError(
            f"{out}: found a folder that `bes export` did not write, expected one of its exports, "
            "an empty folder or nothing"
        )
    if foreign := sorted(files - marker["files"].keys()):
        raise BesError(
            f"{out / foreign[0]}: found a file that `bes export` did not write and would delete, "
            "expected none; move it elsewhere"
        )


def _read_marker(out: Path) -> dict[str, Any] | None:
    try:
        marker = json.loads((out / MARKER).read_bytes())
        return {"origin": dict(marker["origin"]), "files": dict(marker["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files_below(folder: Path) -> Iterator[str]:
    """The files and links below a folder, relative to it, without the marker."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(parent, name), folder)
            if path != MARKER:
                yield path


def _sizes_below(folder: Path) -> dict[str, int]:
    """File -> bytes, -1 of a link to nowhere."""
    sizes = {}
    for name in sorted(_files_below(folder)):
        try:
            sizes[name] = os.stat(folder / name).st_size
        except FileNotFoundError:
            sizes[name] = -1
    return sizes
