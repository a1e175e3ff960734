"""Runs a stage with a handful of files for the whole dataset, unless nothing it reads changed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bes.engine.files import digest_bytes, digest_file, write_atomic
from bes.engine.lock import locked
from bes.engine.memo import Entry, Memo, digest_of


def run_once(
    name: str,
    *,
    out: Path,
    files: tuple[str, ...],
    parts: dict[str, Any],
    compute: Callable[[], dict[str, bytes]],
) -> None:
    """Write `files` from `compute` if one is not intact or `parts`, all that they depend on,
    changed."""
    origin = {part: digest_of(value) for part, value in parts.items()}
    with locked(out / "_memo" / "once.lock"):
        memo = Memo(out / "_memo" / "once.jsonl")
        if all(
            (entry := memo.entries.get(file)) is not None
            and entry.origin == origin
            and entry.file == digest_file(out / file)
            for file in files
        ):
            print(f"{name}: up to date", file=sys.stderr)
            return
        contents = compute()
        for file in files:
            write_atomic(out / file, contents[file])
            memo.add(file, Entry(origin, digest_bytes(contents[file])))
        memo.compact()
