"""Receipts: what a shard vouches for, and the only output of it that Snakemake follows."""

import json
import os
from pathlib import Path

from bes.data.layout import receipt_file
from bes.engine.files import write_atomic
from bes.errors import BesError


def write_receipt(path: Path, files: dict[str, str]) -> None:
    """Vouch for files: name -> digest."""
    write_atomic(path, (json.dumps({"files": files}, indent=0, sort_keys=True) + "\n").encode())


def read_receipt(path: Path) -> dict[str, str]:
    """The files that a receipt vouches for, name -> digest."""
    try:
        return dict(json.loads(path.read_bytes())["files"])
    except FileNotFoundError:
        raise BesError(f"{path}: no such receipt; run `bes {path.parents[1].name}` first") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BesError(f"{path}: not a receipt ({error})") from None


def read_receipts(folder: Path, dataset: Path) -> dict[str, str]:
    """The files that the receipts of all shards of a dataset vouch for."""
    shards = sorted((dataset / "shards").glob("*.csv"))
    receipts = (read_receipt(receipt_file(folder, shard.stem)) for shard in shards)
    return {name: digest for receipt in receipts for name, digest in receipt.items()}


def void_broken(folder: Path) -> list[Path]:
    """Remove the receipts in a stage's folder that vouch for a file that is missing or empty.

    What depends on a voided receipt is out of date, so the next run mends the file. Looks at names
    and sizes alone: `bes verify` reads the bytes. Returns the receipts removed.
    """
    # Read before the files are listed: a job of another process writes its receipt after its files.
    vouched: dict[Path, dict[str, str] | None] = {}
    for receipt in [*(folder / "_receipts").glob("*.json"), *folder.glob("model.json")]:
        try:
            vouched[receipt] = read_receipt(receipt)
        except BesError:
            vouched[receipt] = None
    try:
        with os.scandir(folder) as entries:
            whole = {entry.name for entry in entries if entry.is_file() and entry.stat().st_size}
    except FileNotFoundError:
        return []
    broken = [
        receipt
        for receipt, files in vouched.items()
        if files is None or not whole.issuperset(files)
    ]
    for receipt in broken:
        receipt.unlink(missing_ok=True)
    return broken
