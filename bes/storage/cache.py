"""A cache of bytes, under names that have the digests of all that they follow from."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from bes.storage.files import DIGEST_LENGTH, digest_bytes, write_atomic


def cached(path: Path, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, from the file where there is one.

    The file begins with the digest of the rest, so that a damaged one is known and made anew. Where
    it cannot be written, `make` is called each time.
    """
    with contextlib.suppress(OSError):
        sealed = path.read_bytes()
        content = sealed[DIGEST_LENGTH:]
        if sealed[:DIGEST_LENGTH] == digest_bytes(content).encode():
            return content
    content = make()
    with contextlib.suppress(OSError):
        write_atomic(path, digest_bytes(content).encode() + content)
    return content
