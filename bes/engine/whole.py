"""Runs a stage with a handful of files for the whole dataset, unless nothing it reads changed."""

import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bes.data.layout import whole_receipt
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.engine.files import digest_bytes, digest_file, write_atomic
from bes.engine.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.engine.journal import journal_file, start_run
from bes.engine.lock import locked
from bes.engine.log import begin_log, say_idle
from bes.engine.memo import Entry, Memo, differences, digest_of
from bes.engine.pool import limit_threads
from bes.engine.receipts import home_of, read_receipt, write_receipt
from bes.engine.stage import WholeStage, image_file
from bes.engine.vouched import vouched

ALL = "*"
"""The memo's last entry: what was computed is complete, and these are its names."""


@dataclass(frozen=True)
class WholeRun:
    """What a stage reads, and where its files go."""

    catalog: Catalog
    records: list[ImageRecord]
    """All photographs of the manifest."""
    dataset: Path
    folders: dict[str, Path]
    """The folders of the stages that are read."""
    out: Path
    threads: int
    inputs: dict[str, str]
    """Name of everything that the files depend on -> its digest."""

    @property
    def train_records(self) -> list[ImageRecord]:
        """The photographs to train on."""
        return [record for record in self.records if record.split == "train"]

    def file(self, stage: str, record: ImageRecord) -> Path:
        """What a per-image stage wrote for a photograph."""
        return image_file(stage, self.folders[stage], record.id)

    def unchanged(self, file: str, *, despite: Collection[str]) -> bytes | None:
        """A file as it was computed before, if no other input than some has changed since."""
        entry, kept = _memo(self.out).entries.get(file), _kept(self.out) / file
        if (
            entry is None
            or not set(differences(entry.origin, self.inputs)) <= set(despite)
            or entry.file != digest_file(kept)
        ):
            return None
        return kept.read_bytes()


def run_whole(
    stage: WholeStage,
    *,
    options: Any,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    threads: int,
    code: str | None = None,
) -> None:
    """Have the files of a stage in place, and write their receipt.

    They are computed anew if one is not intact or anything changed that the stage reads. Raises
    BesError for unusable inputs.
    """
    code = code or stage.code()
    inputs = inputs_of(stage, options=options, code=code, dataset=dataset, folders=folders, out=out)

    def compute() -> dict[str, bytes]:
        record_run = start_run()
        limit_threads(1)
        catalog = read_catalog(dataset / "classes.json")
        records = read_manifest(dataset / "images.csv")
        run = WholeRun(catalog, records, dataset, folders, out, threads, inputs)
        with vouched(vouchers_of(folders, shards_of(dataset)) | files_of(catalog, records)):
            contents = stage.compute(options, run)
        record_run(
            journal_file(out, "once"),
            origin=None,
            options=options,
            code=code,
            images=len(records),
            threads=threads,
        )
        return contents

    run_once(stage.name, out=out, inputs=inputs, compute=compute, dated=stage.dated)
    if stage.say:
        stage.say(out)


def run_once(
    name: str,
    *,
    out: Path,
    inputs: dict[str, str],
    compute: Callable[[], dict[str, bytes]],
    dated: Collection[str] = (),
) -> None:
    """Have files in place with their receipt: from `compute`, unless they are intact and of these
    `inputs`.

    Snakemake deletes what a rule declares before it starts the job, so that nothing is left of a
    job that fails. What was computed is therefore kept under a second name, in `_memo/kept`.
    """
    with locked(out / "_memo" / "once.lock"):
        memo = _memo(out)
        files = memo.entries.keys() - {ALL}
        if _is_whole(memo) and all(_is_intact(memo, out, file, inputs) for file in files):
            for file in files:
                _place(_kept(out) / file, out / file)
            say_idle(f"{name}: up to date")
        else:
            begin_log()
            whole_receipt(out).unlink(missing_ok=True)
            contents = compute()
            memo.forget([ALL])
            for file, content in contents.items():
                write_atomic(_kept(out) / file, content, durable=True)
                _place(_kept(out) / file, out / file)
                memo.add(file, Entry(inputs, digest_bytes(content)))
            memo.add(ALL, Entry(inputs, digest_of(sorted(contents))))
            for file in files - contents.keys():
                for path in (out / file, _kept(out) / file):
                    path.unlink(missing_ok=True)
            memo.keep({*contents, ALL})
            memo.compact()
        digests = {
            file: "" if file in dated else entry.file
            for file, entry in memo.entries.items()
            if file != ALL
        }
        write_receipt(whole_receipt(out), digests, inputs)


def _memo(out: Path) -> Memo:
    return Memo(out / "_memo" / "once.jsonl")


def _kept(out: Path) -> Path:
    return out / "_memo" / "kept"


def _is_whole(memo: Memo) -> bool:
    """Whether the memo has all files of one computation."""
    files = sorted(memo.entries.keys() - {ALL})
    return ALL in memo.entries and memo.entries[ALL].file == digest_of(files)


def _is_intact(memo: Memo, out: Path, file: str, inputs: dict[str, str]) -> bool:
    entry = memo.entries[file]
    return entry.origin == inputs and entry.file == digest_file(_kept(out) / file)


def digests_of(receipt: Path) -> dict[str, str]:
    """File -> digest of a receipt, also of files that are dated."""
    files = read_receipt(receipt)
    if "" in files.values():
        entries = _memo(home_of(receipt)).entries
        files |= {name: entries[name].file for name in files.keys() & entries.keys()}
    return files


def _place(kept: Path, path: Path) -> None:
    """Give a file that is kept its proper name too: by a link, or a copy where there are none."""
    if path.exists() and (path.samefile(kept) or path.read_bytes() == kept.read_bytes()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        os.link(kept, path)
    except OSError:
        shutil.copyfile(kept, path)
