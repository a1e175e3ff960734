"""Receipts: what a job vouches for, and the only output of it that decides what runs again."""

import functools
import os
from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.storage.files import digest_bytes
from bes.storage.layout import model_file, model_receipt, receipt_file
from bes.storage.sealed import read_sealed, write_sealed

NOTHING = digest_bytes(b"")


def write_receipt(
    path: Path,
    files: dict[str, str],
    inputs: dict[str, str] | None = None,
    *,
    durable: bool = True,
    **more: Any,
) -> None:
    """Vouch for files, name -> digest, that were made from `inputs`, name -> digest.

    One that only takes the place of another need not be `durable`: it is lost without harm.
    """
    write_sealed(path, {"files": files, "inputs": inputs or {}, **more}, durable=durable)


def read_receipt(path: Path) -> dict[str, str]:
    """The files that a receipt vouches for, name -> digest."""
    return _part(path, "files")


def read_inputs(path: Path) -> dict[str, str]:
    """What the files of a receipt were made from, name -> digest."""
    return _part(path, "inputs")


def read_options(path: Path) -> dict[str, Any]:
    """The options that the files of a receipt were made with, name -> value; empty where there is
    no receipt, or it does not say."""
    try:
        found = os.stat(path)
        return dict(_content(path, found.st_mtime_ns, found.st_size, found.st_ino)["options"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _part(path: Path, name: str) -> dict[str, str]:
    try:
        found = os.stat(path)
        return dict(_content(path, found.st_mtime_ns, found.st_size, found.st_ino)[name])
    except FileNotFoundError:
        raise BesError(f"{path}: no such receipt; run `bes {home_of(path).name}` first") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BesError(f"{path}: not a receipt ({error})") from None


@functools.lru_cache(maxsize=4096)
def _content(path: Path, *stamp: int) -> dict[str, Any]:
    """Read once by a process, which looks at each receipt several times."""
    return read_sealed(path)


def read_receipts(folder: Path, dataset: Path) -> dict[str, str]:
    """The files that the receipts of all shards of a dataset vouch for."""
    shards = sorted((dataset / "shards").glob("*.csv"))
    receipts = (read_receipt(receipt_file(folder, shard.stem)) for shard in shards)
    return {name: digest for receipt in receipts for name, digest in receipt.items()}


def model_digest(folder: Path) -> str:
    """The digest of the network of a training, by its receipt; raises BesError if there is none."""
    path = model_receipt(folder)
    try:
        return read_receipt(path)[model_file(folder).name]
    except KeyError:
        raise BesError(f"{path}: found no network, expected the receipt of a training") from None


def receipts_in(folder: Path) -> list[Path]:
    """Every receipt in the folder of a stage: of its parts, of a network, of the exports."""
    return [
        *sorted((folder / "_receipts").glob("*.json")),
        *folder.glob("model.json"),
        *sorted(folder.glob("*/export.json")),
    ]


def home_of(receipt: Path) -> Path:
    """The folder that the names in a receipt start from."""
    return receipt.parents[1] if receipt.parent.name == "_receipts" else receipt.parent


def broken(folder: Path) -> dict[Path, list[str]]:
    """Receipts in the folder of a stage -> the files missing or empty that they vouch for.

    Of a receipt that cannot be read, its own name. Looks at names and sizes alone: `bes verify`
    reads the bytes.
    """
    # Read before the files are listed: a job of another process writes its receipt after its files.
    receipts: dict[Path, dict[str, str] | None] = {}
    for receipt in receipts_in(folder):
        try:
            receipts[receipt] = read_receipt(receipt)
        except BesError:
            receipts[receipt] = None
    whole = _whole_files(folder)
    found = {}
    for receipt, files in receipts.items():
        home = home_of(receipt)
        known = whole if home == folder else set()
        if files is None:
            found[receipt] = [receipt.name]
        elif harmed := [
            name
            for name, digest in files.items()
            if name not in known and not _is_whole(home / name, digest)
        ]:
            found[receipt] = harmed
    return found


def _whole_files(folder: Path) -> set[str]:
    """The names of the files in a folder that are not empty."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file() and entry.stat().st_size}
    except FileNotFoundError:
        return set()


def _is_whole(path: Path, digest: str) -> bool:
    """Whether there is a file with content, unless it is to have none, as some lists of exports."""
    return path.is_file() and (path.stat().st_size > 0 or digest == NOTHING)
