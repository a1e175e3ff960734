"""How photographs are named: an image is known by its file name without folder and ending."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})


def files_below(root: Path, folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files below a folder of the root, as (path relative to the root, stat), in order."""
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{folder}/{entry.name}" if folder not in ("", ".") else entry.name
            if entry.name.startswith(".") or not _is_text(entry.name):
                continue
            if entry.is_dir():
                yield from files_below(root, path)
            elif entry.is_file():  # a link to nowhere is none
                yield path, entry.stat()


def _is_text(name: str) -> bool:
    """Whether a file name is valid Unicode; no table and no list could name it otherwise."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def id_of(image: str) -> str:
    """The file name without folders and without the ending of a picture."""
    # Some systems spell an accented letter as one character, some as two.
    name = unicodedata.normalize("NFC", image).replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else name


def folder_of(image: str) -> str:
    """What stands before the file name, with the final slash."""
    text = unicodedata.normalize("NFC", image).replace("\\", "/").removeprefix("./")
    return text[: text.rfind("/") + 1]
