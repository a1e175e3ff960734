"""Files from outside, one for each photograph, that a stage reads: found by name, known by digest.

A file whose size and dates are as noted is taken for the same; the notes lie in the memo of the
stage, so that neither a run with nothing to do nor its jobs read all files again.
"""

import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bes.data.file_names import stamp
from bes.data.manifest import Catalog, ImageRecord
from bes.data.names import clean
from bes.errors import BesError
from bes.incremental.stage import PerImageStage, Sources
from bes.storage.files import digest_file
from bes.storage.pool import forked_map
from bes.storage.sealed import read_sealed, write_sealed
from bes.storage.words import counted

FILES = "files"
"""What they are called among the inputs of a stage."""
NAMED = 3
"""Photographs that a message names at most."""


class OutsideFile(NamedTuple):
    """A file from outside."""

    path: Path
    digest: str
    """BLAKE2b-128 of its bytes, hexadecimal."""


def notes_file(out: Path, shard: str) -> Path:
    """What is noted of the files of a shard, in the folder of a stage."""
    return out / "_memo" / f"{FILES}_{shard}.json"


def outside_files(
    stage: PerImageStage,
    options: Any,
    records: Iterable[ImageRecord],
    notes: Path,
    *,
    keep: bool = False,
) -> dict[str, OutsideFile]:
    """Image -> its file, of the images that have one; with `keep` the notes are brought up to date.

    Raises BesError where a photograph has two files.
    """
    known = _read_notes(notes)
    found, seen = {}, {}
    for record in records:
        path = find_file(stage, options, record.id)
        if path is None:
            continue
        now = stamp(os.stat(path))
        before = known.get(path.name)
        digest = before[-1] if before and before[:-1] == now else _digest(path, *now)
        if digest is not None:
            found[record.id] = OutsideFile(path, digest)
            seen[path.name] = [*now, digest]
    if keep and seen != known:
        write_sealed(notes, {FILES: seen})
    return found


def find_file(stage: PerImageStage, options: Any, image: str) -> Path | None:
    """The file of a photograph: its name without ending, with an ending that the stage reads."""
    folder = Path(options.folder)
    names = [image + ending for small in stage.files for ending in (small, small.upper())]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found and folder.is_dir():
        # Under a name that is another one to the file system, such as with a letter and its accent
        # apart, as photographs may be.
        named = _by_image(folder, os.stat(folder).st_mtime_ns, stage.files)
        found = [folder / name for name in named.get(image, ())]
    # Where a file system does not tell capitals from small letters, both names are one file's.
    if len(found) > 1 and not found[0].samefile(found[-1]):
        raise BesError(f"{found[0]}: found {found[1].name} beside it, expected one file of {image}")
    return found[0] if found else None


@functools.lru_cache(maxsize=8)
def _by_image(folder: Path, changed: int, endings: tuple[str, ...]) -> dict[str, list[str]]:
    """Image -> its files, read once for as long as no name comes or goes in the folder."""
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder)):
        ending = next((each for each in endings if name.lower().endswith(each)), "")
        if ending:
            found.setdefault(clean(name[: -len(ending)]), []).append(name)
    return found


def check_source(stage: PerImageStage, options: Any, of: str = "") -> None:
    """Raises BesError, which names the experiment `of`, unless a folder is given where files are
    read, and only there."""
    if (options.source == "files") == (options.folder is not None):
        return
    found, expected = options.folder, f"{stage.name}.source: files with it, or none"
    if found is None:
        found, expected = "none", f"the folder of the files, as {stage.name}.source is files"
    raise BesError(f"{stage.name}.folder{of}: found {found}, expected {expected}")


def check_files(stage: PerImageStage, options: Any, records: Sequence[ImageRecord]) -> None:
    """Raises BesError unless there is the folder and a file of each photograph; where the option
    `partial` says so, of one at least."""
    folder = Path(options.folder)
    if not folder.is_dir():
        raise BesError(
            f"{stage.name}.folder: {folder}: found no such folder, expected one with a file of "
            f"each photograph, {_names(stage)}"
        )
    missing = [r.id for r in records if find_file(stage, options, r.id) is None]
    partial = getattr(options, "partial", False)
    if not missing or (partial and len(missing) < len(records)):
        return
    more = ", ..." if len(missing) > NAMED else ""
    advice = "; with `partial: true` some may be missing" if hasattr(options, "partial") else ""
    raise BesError(
        f"{stage.name}.folder: {folder}: found no file of {len(missing)} of {len(records)} "
        f"photographs ({', '.join(missing[:NAMED])}{more}), expected {_names(stage)} of each"
        + ("" if partial else advice)
    )


def check_contents(
    stage: PerImageStage,
    options: Any,
    catalog: Catalog,
    records: Iterable[ImageRecord],
    *,
    threads: int,
) -> None:
    """Read the files of all photographs that the stage is for, write nothing, and print how many
    there are; raises BesError that lists every problem."""
    chosen = [record for record in records if record.held_out == stage.held_out]
    check_files(stage, options, chosen)
    paths = {r.id: path for r in chosen if (path := find_file(stage, options, r.id))}
    compute = stage.prepare(options, Sources(catalog, {}, "cpu", paths))

    def fault(record: ImageRecord) -> str:
        try:
            compute(record)
        except BesError as error:
            return str(error)
        return ""

    there = [record for record in chosen if record.id in paths]
    faults = [found for found in forked_map(fault, there, processes=threads) if found]
    if faults:
        heading = [f"{len(faults)} problems in the files of {stage.name}:"] * (len(faults) > 1)
        raise BesError("\n".join(heading + faults))
    print(
        f"{stage.name}: {counted(len(there), 'file')} for {counted(len(chosen), 'photograph')} in "
        f"{options.folder}"
    )


def _names(stage: PerImageStage) -> str:
    return " or ".join(f"<image>{ending}" for ending in stage.files)


def changed_files(notes: Path, folder: Path) -> list[Path]:
    """The files noted whose bytes are others now, or which are gone; all are read."""
    return [
        folder / name
        for name, noted in _read_notes(notes).items()
        if digest_file(folder / name) != noted[-1]
    ]


def _read_notes(notes: Path) -> dict[str, list[Any]]:
    try:
        return dict(read_sealed(notes)[FILES])
    # Whatever is wrong with them, the files are read again.
    except (OSError, ValueError, KeyError):
        return {}


@functools.cache
def _digest(path: Path, *stamp: int) -> str | None:
    """Read once by a process, although several experiments may have the file."""
    return digest_file(path)
