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


def changed_parts(file: Path, root: Path, now: Stamps, *, keep: bool) -> list[str]:
    """The parts of which a file came, went or has other bytes than when `write_stamps` kept it.

    With `keep`, the dates of files that only have other dates are kept in place of the old ones.
    """
    try:
        kept = read_sealed(file)
        before: Stamps = kept["stamps"]
        digests: Mapping[str, str] = kept["digests"]
    except (OSError, ValueError, KeyError):
        return sorted(now)
    if before == now:
        return []
    changed = [
        part
        for part in sorted(before.keys() | now.keys())
        if part not in before
        or part not in now
        or before[part].keys() != now[part].keys()
        or any(
            seen[0] != before[part][path][0] or digest_file(root / path) != digests.get(path)
            for path, seen in now[part].items()
            if seen != before[part][path]
        )
    ]
    if keep and not changed:
        write_sealed(file, {"stamps": now, "digests": digests})
    return changed
