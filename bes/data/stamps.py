"""Whether the files of a dataset are those that it was read from, without reading them all.

A file whose size and dates are the same is taken for the same. Of one with other dates, such as
that of a copied folder, the bytes decide.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from bes.data.file_names import files_below, stamp
from bes.storage.files import digest_file
from bes.storage.sealed import read_sealed, write_sealed

Stamps = dict[str, dict[str, list[int]]]
"""Part of the dataset, a file or a folder -> file in it -> its stamp; relative to the root."""


def look_at(root: Path, parts: list[str], endings: frozenset[str]) -> Stamps:
    """The stamps of the files as they are now; in folders those with one of the endings."""
    return {
        part: {
            path: stamp(found)
            for path, found in files_below(root, part)
            if os.path.splitext(path)[1].lower() in endings
        }
        if (root / part).is_dir()
        else {part: stamp(os.stat(root / part))}
        for part in parts
    }


def write_stamps(
    file: Path, root: Path, stamps: Stamps, digest: Callable[[str], str | None]
) -> None:
    """Keep the stamps, with the digest of each file: known by its path, or taken now."""
    paths = {path for files in stamps.values() for path in files}
    digests = {path: digest(path) or digest_file(root / path) for path in paths}
    write_sealed(file, {"stamps": stamps, "digests": digests})


def changed_files(
    file: Path, root: Path, now: Stamps, *, keep: bool
) -> dict[str, list[str]] | None:
    """Part of the dataset -> its files that came, went or have other bytes than when `write_stamps`
    kept them; parts that came or went are among them. None where nothing was kept.

    With `keep`, the dates of files that only have other dates are kept in place of the old ones.
    """
    try:
        kept = read_sealed(file)
        before: Stamps = kept["stamps"]
        digests: Mapping[str, str] = kept["digests"]
    except (OSError, ValueError, KeyError):
        return None
    if before == now:
        return {}

    def differs(path: str, old: list[int] | None, new: list[int] | None) -> bool:
        if old is None or new is None:
            return True
        return old != new and (old[0] != new[0] or digest_file(root / path) != digests.get(path))

    changed = {}
    for part in sorted(before.keys() | now.keys()):
        old, new = before.get(part, {}), now.get(part, {})
        paths = [
            path
            for path in sorted(old.keys() | new.keys())
            if differs(path, old.get(path), new.get(path))
        ]
        if paths or (part in before) != (part in now):
            changed[part] = paths
    if keep and not changed:
        write_sealed(file, {"stamps": now, "digests": digests})
    return changed


def changed_parts(file: Path, root: Path, now: Stamps, *, keep: bool) -> list[str]:
    """The parts that `changed_files` names; all where nothing was kept."""
    changed = changed_files(file, root, now, keep=keep)
    return sorted(now if changed is None else changed)
