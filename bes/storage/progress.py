"""What a job or a command says of how far it is, on stderr."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

HEARTBEAT = 6.0
"""Seconds after which `heartbeat` says something if nobody else did."""
_last = "", 0.0
"""What was said last, and when."""
_heard: TextIO | None = None
"""Where a `heartbeat` speaks; what is said elsewhere meanwhile nobody hears."""


class Progress:
    """Prints `name: 12/58, 1.3 images/s, 0:35 left` to stderr, first after one unit, then at most
    every `interval` seconds. The first unit has the start-up in it, so what is told of time begins
    at its end. Who watches a run reads these lines in the logs of its jobs."""

    def __init__(self, name: str, total: int, *, unit: str, done: int = 0, interval: float = 5.0):
        self.name, self.total, self.unit, self.interval = name, total, unit, interval
        self.first, self.done = done, done
        self.start = time.monotonic()
        self.printed = self.start - interval

    def step(self, note: str = "") -> None:
        """Count one unit; `note` (a loss, say) is appended to the line."""
        self.done += 1
        now = time.monotonic()
        if self.done == self.first + 1:
            self.start = now
        if self.done < self.total and now - self.printed < self.interval:
            return
        self.printed = now
        words = [f"{self.name}: {self.done}/{self.total}"]
        if timed := self.done - self.first - 1:
            rate = timed / max(now - self.start, 1e-9)
            left = clock((self.total - self.done) / rate)
            words += [f"{rate:.3g} {self.unit}/s", f"{left} left"]
        _say(", ".join([*words, *([note] if note else [])]))


def say(what: str) -> None:
    """Say at once what a command does now: it may take long."""
    _say(f"bes: {what} ...")


def _say(line: str, stream: TextIO | None = None) -> None:
    global _last
    stream = stream or sys.stderr
    if _heard in (None, stream):
        _last = line, time.monotonic()
    print(line, file=stream, flush=True)


@contextmanager
def heartbeat(what: str) -> Iterator[None]:
    """Say what a command does now. While it lasts, what was said last is said again, with the time
    since the beginning, whenever there was nothing else to say for `HEARTBEAT` seconds."""
    global _heard
    began, end, _heard = time.monotonic(), threading.Event(), sys.stderr

    def beat() -> None:
        while not end.wait(max(_last[1] + HEARTBEAT - time.monotonic(), 0.1)):
            line, said = _last
            if time.monotonic() - said >= HEARTBEAT:
                again = (
                    f"{line.partition(' (so far')[0]} (so far {clock(time.monotonic() - began)})"
                )
                _say(again, _heard)

    say(what)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        _heard = None


def clock(seconds: float) -> str:
    """`3725` as `1:02:05`, `35` as `0:35`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
