"""The log of a job: that of the last time that it had something to do."""

import contextlib
import os
import sys
from pathlib import Path

_waiting: Path | None = None
"""Where to write, until there is something to do."""


def log_to(path: Path | None) -> None:
    """What is said from `begin_log` on goes to this file; None: nothing is redirected."""
    global _waiting
    _waiting = path


def begin_log(*, keep: bool = False) -> None:
    """There is something to do: what is printed from now on makes up the log.

    Snakemake deletes the log before each job. With `keep` it has a second name, from which
    `say_idle` brings it back.
    """
    global _waiting
    if _waiting is None:
        return
    path, _waiting = _waiting, None
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    if keep:
        kept = _kept(path)
        kept.unlink(missing_ok=True)
        # On a file system without links the next job has no log to bring back.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, kept)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


def say_idle(text: str) -> None:
    """There is nothing to do: say so, after what was said when there was."""
    path = _waiting
    before = b""
    if path is not None:
        if path.exists() and path.stat().st_size:
            return
        with contextlib.suppress(OSError):
            before = _kept(path).read_bytes()
        begin_log()
    sys.stderr.write(before.decode(errors="replace"))
    print(text, file=sys.stderr, flush=True)


def _kept(log: Path) -> Path:
    """The second name of a log: `classifier/_logs/classifier.log` is kept as
    `classifier/_memo/classifier.log`."""
    return log.parents[1] / "_memo" / log.name
