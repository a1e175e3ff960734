"""Runs a stage with a handful of files for the whole dataset, unless nothing it reads changed."""

import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bes.data.manifest import read_catalog, read_manifest
from bes.incremental.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.incremental.journal import journal_file, start_run
from bes.incremental.stage import WholeRun, WholeStage
from bes.storage.files import digest_bytes, digest_file, write_atomic
from bes.storage.layout import kept_file, whole_memo, whole_receipt
from bes.storage.lock import locked
from bes.storage.log import begin_log, say_idle
from bes.storage.memo import Entry, Memo, digest_of
from bes.storage.pool import limit_threads
from bes.storage.receipts import home_of, read_receipt, write_receipt
from bes.storage.vouched import vouched

ALL = "*"
"""The memo's last entry: what was computed is complete, and these are its names."""


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
        with vouched([*vouchers_of(folders, shards_of(dataset)), *files_of(catalog, records)]):
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
        stage.say(out, {"dataset": dataset, **folders})


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
        memo = Memo(whole_memo(out))
        files = memo.entries.keys() - {ALL}
        if _is_whole(memo) and all(_is_intact(memo, out, file, inputs) for file in files):
            for file in files:
                _place(kept_file(out, file), out / file)
            say_idle(f"{name}: up to date")
        else:
            begin_log()
            whole_receipt(out).unlink(missing_ok=True)
            contents = compute()
            memo.forget([ALL])
            for file, content in contents.items():
                write_atomic(kept_file(out, file), content, durable=True)
                _place(kept_file(out, file), out / file)
                memo.add(file, Entry(inputs, digest_bytes(content)))
            memo.add(ALL, Entry(inputs, digest_of(sorted(contents))))
            for file in files - contents.keys():
                for path in (out / file, kept_file(out, file)):
                    path.unlink(missing_ok=True)
            memo.keep({*contents, ALL})
            memo.compact()
        digests = {
            file: "" if file in dated else entry.file
            for file, entry in memo.entries.items()
            if file != ALL
        }
        write_receipt(whole_receipt(out), digests, inputs)


def _is_whole(memo: Memo) -> bool:
    """Whether the memo has all files of one computation."""
    files = sorted(memo.entries.keys() - {ALL})
    return ALL in memo.entries and memo.entries[ALL].file == digest_of(files)


def _is_intact(memo: Memo, out: Path, file: str, inputs: dict[str, str]) -> bool:
    entry = memo.entries[file]
    return entry.origin == inputs and entry.file == digest_file(kept_file(out, file))


def digests_of(receipt: Path) -> dict[str, str]:
    """File -> digest of a receipt, also of files that are dated; empty where nothing is known of
    such a file but that it is there."""
    files = read_receipt(receipt)
    if "" in files.values():
        entries = Memo(whole_memo(home_of(receipt))).entries
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
