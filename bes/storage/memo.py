"""What was computed from what: a log that survives a kill at any moment."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bes.storage.files import digest_bytes, naming, write_atomic

MEMO = "memo"
"""Among the reasons to compute a file anew: nothing is known of what it was made from."""


class Entry(NamedTuple):
    """How a file came about."""

    origin: dict[str, str]
    """Name of everything the file is a function of -> its digest."""
    file: str
    """The digest of the file's bytes."""


def digest_of(value: Any) -> str:
    """A digest of a value that JSON can write."""
    return digest_bytes(json.dumps(value, sort_keys=True).encode())[:16]


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose digests differ."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


class Memo:
    """A JSON-lines file of (name, origin, file digest), appended to after each file is in place."""

    def __init__(self, path: Path):
        self.path = path
        self.entries: dict[str, Entry] = {}
        self._superseded = self._torn = False
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            try:
                name, origin, file = json.loads(line)
                self._superseded |= name in self.entries
                self.entries[name] = Entry(dict(origin), str(file))
            # The line that was being written when the machine stopped, or one of another hand.
            except (ValueError, TypeError):
                self._superseded = True
        self._torn = bool(lines) and not lines[-1].endswith(b"\n")

    def add(self, name: str, entry: Entry) -> None:
        """Record a file that is in place."""
        self._superseded |= name in self.entries
        self.entries[name] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with naming(self.path), open(self.path, "ab") as log:
            log.write((b"\n" if self._torn else b"") + _line(name, entry))
        self._torn = False

    def compact(self) -> None:
        """Drop the superseded lines, if there are any."""
        if self._superseded:
            lines = b"".join(_line(*item) for item in self.entries.items())
            write_atomic(self.path, lines, durable=True)
            self._superseded = self._torn = False

    def forget(self, names: Iterable[str] | None = None) -> None:
        """Forget some files, or all, so that they are computed anew."""
        self.keep(set() if names is None else self.entries.keys() - set(names))

    def keep(self, names: set[str]) -> None:
        """Forget all other files."""
        if not names.issuperset(self.entries):
            self.entries = {name: entry for name, entry in self.entries.items() if name in names}
            self._superseded = True
            self.compact()


def _line(name: str, entry: Entry) -> bytes:
    return (json.dumps([name, *entry]) + "\n").encode()
