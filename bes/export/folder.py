"""The folder of an export: there whole or not at all, and never in the place of something else."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.storage.files import digest_file
from bes.storage.lock import locked
from bes.storage.receipts import write_receipt
from bes.storage.sealed import read_sealed

MARKER = "export.json"
"""Says what an export was made of, and which files belong to it."""


def is_up_to_date(out: Path, origin: dict[str, str]) -> bool:
    """Whether `out` is an export of just this whose files are all as they were written.

    Links are followed: an export whose photographs moved away is not up to date.
    """
    marker = _read_marker(out)
    return (
        marker is not None and marker["origin"] == origin and marker["files"] == _digests_below(out)
    )


def vouch(out: Path, inputs: dict[str, str]) -> None:
    """Put the marker of an export that is up to date, with what it was made from, in its place.

    Snakemake deletes the marker before the job, so a copy of it lies beside the export.
    """
    marker = _read_marker(out)
    assert marker is not None
    for path in (_copy_of_marker(out), out / MARKER):
        write_receipt(path, marker["files"], inputs, origin=marker["origin"])


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
            files = _digests_below(temporary)
            write_receipt(temporary / MARKER, files, origin=origin)
            _refuse_foreign(out)
            if out.exists():
                out.rename(previous)
            temporary.rename(out)
            write_receipt(_copy_of_marker(out), files, origin=origin)
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


def _copy_of_marker(out: Path) -> Path:
    return out.with_name(f".{out.name}.json")


def _read_marker(out: Path) -> dict[str, Any] | None:
    for path in (out / MARKER, _copy_of_marker(out)):
        try:
            marker = read_sealed(path)
            return {"origin": dict(marker["origin"]), "files": dict(marker["files"])}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _files_below(folder: Path) -> Iterator[str]:
    """The files and links below a folder, relative to it, without the marker."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(parent, name), folder)
            if path != MARKER:
                yield path


def _digests_below(folder: Path) -> dict[str, str]:
    """File -> the digest of its bytes; of a link to nowhere an empty one."""
    return {name: digest_file(folder / name) or "" for name in sorted(_files_below(folder))}
