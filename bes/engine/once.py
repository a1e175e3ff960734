"""Runs a stage with a handful of files for the whole dataset, unless nothing it reads changed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bes.data.layout import whole_receipt
from bes.engine.files import digest_bytes, digest_file, write_atomic
from bes.engine.lock import locked
from bes.engine.log import begin_log, say_idle
from bes.engine.memo import Entry, Memo, digest_of
from bes.engine.receipts import home_of, read_receipt, write_receipt


def run_once(
    name: str,
    *,
    out: Path,
    files: tuple[str, ...],
    parts: dict[str, Any],
    compute: Callable[[], dict[str, bytes]],
) -> None:
    """Have `files` in place: from `compute` if one is not intact or `parts`, all that they depend
    on, changed.

    Snakemake deletes what a rule declares before it starts the job, so that nothing is left of a
    job that fails. What was computed is therefore kept under a second name, in `_memo/kept`.
    """
    origin = {part: digest_of(value) for part, value in parts.items()}
    kept = out / "_memo" / "kept"
    with locked(out / "_memo" / "once.lock"):
        memo = Memo(out / "_memo" / "once.jsonl")
        if all(
            (entry := memo.entries.get(file)) is not None
            and entry.origin == origin
            and entry.file == digest_file(kept / file)
            for file in files
        ):
            for file in files:
                place(kept / file, out / file)
            say_idle(f"{name}: up to date")
            return
        begin_log()
        whole_receipt(out).unlink(missing_ok=True)
        contents = compute()
        for file in files:
            write_atomic(kept / file, contents[file], durable=True)
            place(kept / file, out / file)
            memo.add(file, Entry(origin, digest_bytes(contents[file])))
        memo.compact()


def vouch(
    out: Path, files: tuple[str, ...], inputs: dict[str, str], *, dated: tuple[str, ...] = ()
) -> None:
    """Write the receipt of a stage whose `files` are in place, and forget all others.

    Those `dated` tell when they were made and have no digest there, so that equal results have
    equal receipts; `digests_of` knows it.
    """
    memo = Memo(out / "_memo" / "once.jsonl")
    for file in memo.entries.keys() - set(files):
        for path in (out / file, out / "_memo" / "kept" / file):
            path.unlink(missing_ok=True)
    memo.keep(set(files))
    digests = {file: "" if file in dated else memo.entries[file].file for file in files}
    write_receipt(whole_receipt(out), digests, inputs)


def digests_of(receipt: Path) -> dict[str, str]:
    """File -> digest of a receipt, also of files that are dated."""
    files = read_receipt(receipt)
    if "" in files.values():
        memo = Memo(home_of(receipt) / "_memo" / "once.jsonl")
        files |= {name: memo.entries[name].file for name in files.keys() & memo.entries.keys()}
    return files


def place(kept: Path, path: Path) -> None:
    """Give a file that is kept its proper name too: by a link, or a copy where there are none."""
    if path.exists() and (path.samefile(kept) or path.read_bytes() == kept.read_bytes()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        os.link(kept, path)
    except OSError:
        shutil.copyfile(kept, path)
