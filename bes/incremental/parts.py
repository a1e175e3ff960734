"""Parts of a stage for the whole dataset: each a file of its own, kept until what it comes from
changes."""

from collections.abc import Mapping
from pathlib import Path

from bes.storage.files import digest_bytes, write_atomic
from bes.storage.memo import Entry, Memo


class Parts:
    """The files `<folder>/<name><suffix>`, of which `memo` tells what they were computed from.

    `origins` are what they are to be computed from: name -> name of each input -> its digest.
    """

    def __init__(
        self, folder: Path, suffix: str, *, memo: Path, origins: Mapping[str, dict[str, str]]
    ) -> None:
        self._folder, self._suffix, self._origins = folder, suffix, origins
        self._memo = Memo(memo)

    def read(self, name: str) -> bytes | None:
        """A part as it was written, if it is intact and of this origin."""
        entry = self._memo.entries.get(name)
        if entry is None or entry.origin != self._origins[name]:
            return None
        try:
            content = self._file(name).read_bytes()
        except FileNotFoundError:
            return None
        return content if digest_bytes(content) == entry.file else None

    def write(self, name: str, content: bytes) -> None:
        """Keep a part that was computed."""
        write_atomic(self._file(name), content)
        self._memo.add(name, Entry(self._origins[name], digest_bytes(content)))

    def tidy(self) -> None:
        """Remove the parts that are no longer asked for."""
        known = {self._file(name) for name in self._origins}
        for path in self._folder.rglob(f"*{self._suffix}"):
            if path not in known:
                path.unlink()
        self._memo.keep(set(self._origins))
        self._memo.compact()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{self._suffix}"
