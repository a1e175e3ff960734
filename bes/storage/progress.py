"""What a job or a command says of how far it is, on stderr."""

import sys
import time


class Progress:
    """Prints `name: 12/58, 1.3 images/s, 0:35 left` to stderr, first after one unit, then at most
    every `interval` seconds. Who watches a run reads these lines in the logs of its jobs."""

    def __init__(self, name: str, total: int, *, unit: str, done: int = 0, interval: float = 5.0):
        self.name, self.total, self.unit, self.interval = name, total, unit, interval
        self.first, self.done = done, done
        self.start = time.monotonic()
        self.printed = self.start - interval

    def step(self, note: str = "") -> None:
        """Count one unit; `note` (a loss, say) is appended to the line."""
        self.done += 1
        now = time.monotonic()
        if self.done < self.total and now - self.printed < self.interval:
            return
        self.printed = now
        rate = (self.done - self.first) / max(now - self.start, 1e-9)
        left = (self.total - self.done) / rate
        print(
            f"{self.name}: {self.done}/{self.total}, {rate:.3g} {self.unit}/s, "
            f"{clock(left)} left{', ' + note if note else ''}",
            file=sys.stderr,
            flush=True,
        )


def say(what: str) -> None:
    """Say at once what a command does now: it may take long."""
    print(f"bes: {what} ...", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """`3725` as `1:02:05`, `35` as `0:35`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
