"""Bundles: the files of a folder in one, for storage that moves what is declared and no more."""

import os
import secrets
import tarfile
from collections.abc import Mapping
from pathlib import Path

from bes.errors import BesError


def pack(bundle: Path, files: Mapping[str, Path]) -> None:
    """Write files, name in the bundle -> file, as a tar whose bytes follow from theirs alone."""
    bundle.parent.mkdir(parents=True, exist_ok=True)
    temporary = bundle.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, path in sorted(files.items()):
                member = tarfile.TarInfo(name)
                member.size = path.stat().st_size
                with open(path, "rb") as file:
                    archive.addfile(member, file)
        os.replace(temporary, bundle)
    finally:
        temporary.unlink(missing_ok=True)


def unpack(bundle: Path, folder: Path) -> None:
    """Put the files of a bundle into a folder; raises BesError if it is damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(bundle) as archive:
            archive.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise BesError(
            f"{bundle}: found a damaged bundle ({error}), expected it as it was packed; delete it "
            "in the storage and run again"
        ) from None


def files_below(folder: Path) -> dict[str, Path]:
    """The files of a folder, name -> file, but what only the machine they lie on needs."""
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".lock", ".tmp")
    }
