"""How photographs are named: an image is known by its file name without folder and ending."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from bes.errors import BesError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})


def files_below(root: Path, folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files below a folder of the root, as (path relative to the root, stat), in order.

    Links are followed. Raises BesError for one to a folder that it lies in, which has no end.
    """
    yield from _files_below(root, folder, [os.stat(root / folder)])


def _files_below(
    root: Path, folder: str, way: list[os.stat_result]
) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{folder}/{entry.name}" if folder not in ("", ".") else entry.name
            if entry.name.startswith(".") or not _is_text(entry.name):
                continue
            try:
                found = entry.stat()
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):  # a link to nowhere, or to itself
                    continue
                raise
            if stat.S_ISDIR(found.st_mode):
                if any(os.path.samestat(found, above) for above in way):
                    raise BesError(
                        f"{root / path}: found a link to a folder that it lies in, expected none"
                    )
                yield from _files_below(root, path, [*way, found])
            elif stat.S_ISREG(found.st_mode):
                yield path, found


def _is_text(name: str) -> bool:
    """Whether a file name is valid Unicode; no table and no list could name it otherwise."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def id_of(image: str) -> str:
    """The file name without folders and without the ending of a picture."""
    name = _name_of(image)
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else name


def best_of(paths: list[str], place: str) -> list[str]:
    """Of files that share their name without ending, the one meant by `place`; several if it may be
    any of them.

    The one at that place comes first, then one of that name with its ending, and a PNG, which may
    be a label of the photograph, comes last. Where `place` has another ending, a PNG elsewhere is
    not meant at all.
    """

    def rank(path: str) -> tuple[int, bool, bool]:
        spot = folder_of(path) + id_of(path)
        return (
            len(spot) if f"/{folder_of(place)}{id_of(place)}".endswith(f"/{spot}") else 0,
            _name_of(path).lower() == _name_of(place).lower(),
            not path.lower().endswith(".png"),
        )

    best = max(map(rank, paths), default=())
    if best == (0, False, False) and id_of(place) != _name_of(place):
        return []
    return [path for path in paths if rank(path) == best]


def _name_of(image: str) -> str:
    """The file name with its ending."""
    # Some systems spell an accented letter as one character, some as two.
    return unicodedata.normalize("NFC", image).replace("\\", "/").rsplit("/", 1)[-1]


def folder_of(image: str) -> str:
    """What stands before the file name, with the final slash."""
    text = unicodedata.normalize("NFC", image).replace("\\", "/").removeprefix("./")
    return text[: text.rfind("/") + 1]
