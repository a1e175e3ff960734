"""How photographs are named: an image is known by its file name without folder and ending."""

import errno
import os
import stat as stats
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path

from bes.data.names import clean, is_name
from bes.errors import BesError

# fmt: off
HEIF = frozenset({".heic", ".heif", ".hif"})
"""Read where `pillow-heif` is installed."""
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp",
    ".dib", ".gif", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc", ".ppm", ".pgm", ".pbm",
    ".pnm",
}) | (HEIF if find_spec("pillow_heif") else frozenset())
"""The endings of photographs that are read."""
NOT_READ = frozenset({
    *HEIF, ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".tga", ".psd",
    ".exr", ".hdr",
}) - SUFFIXES
"""The endings of photographs that are not."""
_OF_SYSTEMS = frozenset({
    "@eadir", "@tmp", "@recycle", "#recycle", "#snapshot", "@recently-snapshot", "$recycle.bin",
    "recycler", "lost+found", "system volume information", "__macosx", "thumbs.db", "ehthumbs.db",
    "desktop.ini",
})
"""Folders and files, in small letters, that a system made for itself: bins, thumbnails."""
# fmt: on
RESULTS = "results"
"""The folder that a run writes to, which is full of pictures called like the photographs."""


def files_below(
    root: Path, folder: str, passed: list[str] | None = None
) -> Iterator[tuple[str, os.stat_result]]:
    """The files below a folder of the root, as (path relative to the root, stat), in order.

    What is hidden, of a system or a result of this workflow is passed over. Links are followed.
    What can be neither opened nor named is added to `passed`. Raises BesError for a link to a
    folder that it lies in, which has no end, and for a folder that cannot be read.
    """
    yield from _files_below(
        root, folder, [os.stat(root / folder)], [] if passed is None else passed
    )


def _files_below(
    root: Path, folder: str, way: list[os.stat_result], passed: list[str]
) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise BesError(
            f"{root / folder}: cannot be read ({error.strerror}), expected a folder"
        ) from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
            continue
        path = f"{folder}/{entry.name}" if folder not in ("", ".") else entry.name
        if not _is_text(entry.name):
            passed.append(path.encode(errors="surrogateescape").decode(errors="backslashreplace"))
            continue
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):  # a link to nowhere, or to itself
                raise BesError(f"{root / path}: cannot be read ({error.strerror})") from None
            passed.append(path)
            continue
        if stats.S_ISDIR(status.st_mode):
            if any(os.path.samestat(status, above) for above in way):
                raise BesError(
                    f"{root / path}: found a link to a folder that it lies in, expected none"
                )
            if entry.name == RESULTS and _has_results(root / path):
                continue
            yield from _files_below(root, path, [*way, status], passed)
        elif stats.S_ISREG(status.st_mode):
            yield path, status
        else:
            passed.append(path)


def _has_results(folder: Path) -> bool:
    return any(folder.glob("*/base/dataset/images.csv"))


def stamp(found: os.stat_result) -> list[int]:
    """What changes whenever a file does: size, date of its content, and date of its inode, which
    tools that keep the first two cannot set."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _is_text(name: str) -> bool:
    """Whether a file name is valid Unicode; no table and no list could name it otherwise."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def suffix_of(path: str) -> str:
    """The ending of a file name in small letters, with its dot; empty where there is none."""
    return Path(path).suffix.lower()


def id_of(image: str) -> str:
    """The file name, cleaned, without folders and without the ending of a picture."""
    name = _name_of(image)
    stem, dot, suffix = name.rpartition(".")
    return stem.rstrip() if dot and f".{suffix.lower()}" in SUFFIXES | NOT_READ else name


def is_image_name(id_: str) -> bool:
    """Whether an image can be called so: it can be written and shown, and its files are not
    hidden."""
    return is_name(id_) and not id_.startswith(".")


def image_of(name: str, known: Collection[str]) -> str:
    """The image that a person or a program names, with or without folder and ending; an image that
    is called just so comes first."""
    return name if name in known else id_of(name)


def best_of(paths: list[str], place: str) -> list[str]:
    """Of files that share their name without ending, the one meant by `place`; several if it may be
    any of them.

    The one at that place comes first, then one of that name with its ending, and a PNG, which may
    be a label of the photograph, comes last; of a.jpg and a.JPG the one that is named. Where
    `place` has another ending, a PNG elsewhere is not meant at all.
    """

    def rank(path: str) -> tuple[int, bool, bool, bool]:
        spot = folder_of(path) + id_of(path)
        return (
            len(spot) if f"/{folder_of(place)}{id_of(place)}".endswith(f"/{spot}") else 0,
            _name_of(path).lower() == _name_of(place).lower(),
            not path.lower().endswith(".png"),
            _name_of(path) == _name_of(place),
        )

    best = max(map(rank, paths), default=())
    if not any(best) and id_of(place) != _name_of(place):
        return []
    return [path for path in paths if rank(path) == best]


def _name_of(image: str) -> str:
    """The file name, cleaned, with its ending."""
    return clean(image.replace("\\", "/").rsplit("/", 1)[-1])


def folder_of(image: str) -> str:
    """What stands before the file name, cleaned, with the final slash."""
    folders = image.replace("\\", "/").split("/")[:-1]
    return "".join(f"{clean(folder)}/" for folder in folders if folder != ".")
