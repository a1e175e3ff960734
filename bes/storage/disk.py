"""Whether there is room on a disk for the small files that a run cannot do without."""

import shutil
from pathlib import Path

from bes.errors import BesError

ROOM = 1 << 20
"""Bytes; logs, locks and Snakemake's own records need less."""


def check_room(*folders: Path) -> None:
    """Raise BesError if a folder, where there is one yet, lies on a disk that is full.

    A job says so itself, but not where its log is on that disk, and Snakemake with a traceback.
    """
    for folder in folders:
        if folder.exists() and shutil.disk_usage(folder).free < ROOM:
            raise BesError(f"{folder}: no space left on the device; free some and run again")
