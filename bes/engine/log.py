"""The log of a job: that of the last time that it had something to do."""

import os
import sys
from pathlib import Path

_waiting: Path | None = None
"""Where to write, until there is something to do."""


def log_to(path: Path | None) -> None:
    """What is said from `begin_log` on goes to this file; None: nothing is redirected."""
    global _waiting
    _waiting = path


def begin_log() -> None:
    """There is something to do: what is printed from now on makes up the log."""
    global _waiting
    if _waiting is None:
        return
    path, _waiting = _waiting, None
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


def say_idle(text: str) -> None:
    """There is nothing to do: say so, unless a log tells of the time when there was."""
    if _waiting is not None:
        if _waiting.exists() and _waiting.stat().st_size:
            return
        begin_log()
    print(text, file=sys.stderr, flush=True)
