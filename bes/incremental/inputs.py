"""What a job reads, as digests: its receipt keeps them, and is out of date when one differs."""

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

from bes.data.file_names import stamp
from bes.data.manifest import ACCEPTED_TABLE, Catalog, ImageRecord, read_manifest, shards_folder
from bes.errors import BesError
from bes.incremental.outside import FILES, notes_file, outside_files
from bes.incremental.stage import PerImageStage, Stage, TrainingStage, WholeStage, stage_of
from bes.storage.files import digest_file
from bes.storage.memo import digest_of
from bes.storage.receipts import home_of, read_inputs, read_receipt
from bes.storage.vouched import Voucher

SUPERVISION = "supervision"
"""What results are called by, among their inputs, that more than image-level labels went into."""


class Reader:
    """Digests of receipts and tables, each of which is read once."""

    def __init__(self, *, keep: bool = False) -> None:
        self._known: dict[Path, str] = {}
        self._beyond: dict[Path, bool] = {}
        self.keep = keep
        """Whether new dates of photographs and files from outside are noted."""

    def vouched(self, receipt: Path) -> str:
        """A digest of the files that a receipt vouches for; raises BesError if there is none."""
        if receipt not in self._known:
            self._known[receipt] = digest_of(read_receipt(receipt))
        return self._known[receipt]

    def beyond_labels(self, receipt: Path) -> bool:
        """Whether more than image-level labels went into the files of a receipt, or into anything
        that they were made from: files from outside, or corrections by hand."""
        if receipt not in self._beyond:
            self._beyond[receipt] = SUPERVISION in read_inputs(receipt)
        return self._beyond[receipt]

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
    return stage_of(stage).receipts(folder, shards)


def shards_of(dataset: Path) -> list[str]:
    """The names of the shards of a dataset."""
    return sorted(path.stem for path in (dataset / "shards").glob("*.csv"))


def inputs_of(
    stage: Stage,
    *,
    options: Any,
    dataset: Path,
    folders: Mapping[str, Path],
    out: Path,
    code: str | None = None,
    shard: str | None = None,
    policy: str | None = None,
    reader: Reader | None = None,
) -> dict[str, str]:
    """Name of everything that the files behind a receipt of a stage depend on -> its digest.

    `folders` are those of the stages that are read. With `shard` the job reads that one alone;
    `policy` is that of a training. Raises BesError if something that is read is not there.
    """
    reader = reader or Reader()
    shards = [shard] if shard else shards_of(dataset)
    images = dataset / "images.csv"
    more: dict[str, str] = {}
    beyond = [
        name
        for name, folder in folders.items()
        if any(map(reader.beyond_labels, receipts_of(name, folder, shards)))
    ]
    if isinstance(stage, PerImageStage):
        images = shards_folder(dataset, held_out=stage.held_out) / f"{shard}.csv"
        if stage.from_files(options):
            assert shard is not None
            beyond.append(FILES)
            notes, records = notes_file(out, shard), read_manifest(images)
            files = outside_files(stage, options, records, notes, keep=reader.keep)
            more[FILES] = digest_of({image: file.digest for image, file in files.items()})
        if stage.correction and any(record.correction for record in read_manifest(images)):
            beyond.append("correction")
    elif isinstance(stage, TrainingStage):
        more["policy"] = policy or "auto"
    elif isinstance(stage, WholeStage):
        # Pages and tables are headed by the names of dataset and experiment.
        more["place"] = "/".join(out.parts[-3:-1])
        more |= stage.outside(options) if stage.outside else {}
        if stage.accepted:
            more["accepted"] = digest_file(dataset / ACCEPTED_TABLE) or ""
    if beyond:
        more[SUPERVISION] = " ".join(beyond)
    return {
        "options": options_digest(options),
        "code": code or stage.code(),
        "images": reader.table(images),
        "classes": reader.table(dataset / "classes.json"),
        **{
            name: digest_of([reader.vouched(path) for path in receipts_of(name, folder, shards)])
            for name, folder in folders.items()
        },
        **more,
    }


def vouchers_of(folders: Mapping[str, Path], shards: list[str]) -> list[Voucher]:
    """What the files of some stages must be, by their receipts."""
    return [
        Voucher(home_of(receipt), read_receipt(receipt), receipt)
        for stage, folder in folders.items()
        for receipt in receipts_of(stage, folder, shards)
    ]


def files_of(catalog: Catalog, records: Iterable[ImageRecord]) -> list[Voucher]:
    """What photographs, masks and corrections must be, by the manifest."""
    below: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    for record in records:
        for name, digest in (
            (record.path, record.digest),
            (record.mask, record.mask_digest),
            (record.correction, record.correction_digest),
        ):
            path = PurePath(name)
            if path.is_absolute():
                elsewhere[str(path.relative_to(path.anchor))] = digest
            elif name:
                below[str(path)] = digest
    return [Voucher(catalog.root, below), Voucher(Path("/"), elsewhere)]


def options_digest(options: Any) -> str:
    """Of the options of a stage; a file of initial weights counts by its content, whatever its
    name, and so does each file in a folder from outside, as an input of its own."""
    values = asdict(options) if options is not None else {}
    values.pop("folder", None)
    if (weights := values.get("weights")) and Path(weights).is_file():
        values["weights"] = _digest_of_weights(weights, *stamp(os.stat(weights)))
    return digest_of(values)


@functools.cache
def _digest_of_weights(path: str, *stamp: int) -> str | None:
    """Read once, although every training of every experiment may start from the file."""
    return digest_file(Path(path))
