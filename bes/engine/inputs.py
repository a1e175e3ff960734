"""What a job reads, as digests: its receipt keeps them, and is out of date when one differs."""

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bes.data.file_names import stamp
from bes.data.layout import SUFFIX, WHOLE_STAGES, model_receipt, receipt_file, whole_receipt
from bes.data.manifest import Catalog, ImageRecord, shards_folder
from bes.engine.files import digest_file
from bes.engine.memo import digest_of
from bes.engine.receipts import home_of, read_receipt
from bes.engine.vouched import Voucher
from bes.errors import BesError


class Reader:
    """Digests of receipts and tables, each of which is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def vouched(self, receipt: Path) -> str:
        """A digest of the files that a receipt vouches for; raises BesError if there is none."""
        if receipt not in self._known:
            self._known[receipt] = digest_of(read_receipt(receipt))
        return self._known[receipt]

    def table(self, path: Path) -> str:
        """The digest of a file of the dataset; raises BesError if it is missing."""
        if path not in self._known:
            digest = digest_file(path)
            if digest is None:
                raise BesError(f"{path}: no such file; `bes dataset` writes it")
            self._known[path] = digest
        return self._known[path]


def receipts_of(stage: str, folder: Path, shards: list[str]) -> list[Path]:
    """The receipts of a stage, in its folder."""
    if stage in SUFFIX:
        return [receipt_file(folder, shard) for shard in shards]
    return [whole_receipt(folder) if stage in WHOLE_STAGES else model_receipt(folder)]


def shards_of(dataset: Path) -> list[str]:
    """The names of the shards of a dataset."""
    return sorted(path.stem for path in (dataset / "shards").glob("*.csv"))


def inputs_of(
    *,
    options: Any,
    code: str,
    dataset: Path,
    folders: Mapping[str, Path],
    shard: str | None = None,
    held_out: bool = False,
    reader: Reader | None = None,
    **more: str,
) -> dict[str, str]:
    """Name of everything that a job's files depend on -> its digest.

    `folders` are those of the stages that are read; with `shard` the job reads that one alone, of
    the photographs held out or of the others. Raises BesError if one of them is not there.
    """
    reader = reader or Reader()
    shards = [shard] if shard else shards_of(dataset)
    images = (
        shards_folder(dataset, held_out=held_out) / f"{shard}.csv"
        if shard
        else dataset / "images.csv"
    )
    return {
        "options": options_digest(options),
        "code": code,
        "images": reader.table(images),
        "classes": reader.table(dataset / "classes.json"),
        **{
            stage: digest_of([reader.vouched(path) for path in receipts_of(stage, folder, shards)])
            for stage, folder in folders.items()
        },
        **more,
    }


def vouchers_of(folders: Mapping[str, Path], shards: list[str]) -> dict[Path, Voucher]:
    """What the files of some stages must be, by their receipts."""
    return {
        home_of(receipt) / name: Voucher(digest, receipt)
        for stage, folder in folders.items()
        for receipt in receipts_of(stage, folder, shards)
        for name, digest in read_receipt(receipt).items()
    }


def files_of(catalog: Catalog, records: Iterable[ImageRecord]) -> dict[Path, Voucher]:
    """What photographs, masks and corrections must be, by the manifest."""
    return {
        catalog.root / path: Voucher(digest)
        for record in records
        for path, digest in (
            (record.path, record.digest),
            (record.mask, record.mask_digest),
            (record.correction, record.correction_digest),
        )
        if path
    }


def options_digest(options: Any) -> str:
    """Of the options of a stage; a file of initial weights counts by its content, whatever its
    name."""
    values = asdict(options) if options is not None else {}
    if (weights := values.get("weights")) and Path(weights).is_file():
        values["weights"] = _digest_of_weights(weights, *stamp(os.stat(weights)))
    return digest_of(values)


@functools.cache
def _digest_of_weights(path: str, *stamp: int) -> str | None:
    """Read once, although every training of every experiment may start from the file."""
    return digest_file(Path(path))
