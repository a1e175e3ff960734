"""Files that tell whether they are as they were written: they begin with a digest of the rest."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bes.storage.files import DIGEST_LENGTH, digest_bytes, write_atomic


def write_sealed(path: Path, content: dict[str, Any], *, durable: bool = True) -> None:
    """Write a JSON object whose first key, `seal`, is the digest of all that follows it."""
    rest = json.dumps(content, indent=0, sort_keys=True).removeprefix("{").lstrip() + "\n"
    seal = f'{{"seal": "{digest_bytes(rest.encode())}",\n'
    write_atomic(path, (seal + rest).encode(), durable=durable)


def read_sealed(path: Path) -> dict[str, Any]:
    """The object of `write_sealed`.

    Raises ValueError for any other content, or one that changed, and OSError if there is none.
    """
    text = path.read_bytes()
    first, _, rest = text.partition(b"\n")
    if first != f'{{"seal": "{digest_bytes(rest)}",'.encode():
        raise ValueError("its digest is another one than it says")
    content = json.loads(text)
    del content["seal"]
    return content


def cached(path: Path, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, from a file behind its digest where there is one; a damaged one is made
    anew.

    The name has the digests of all that the content follows from. Where the file cannot be written,
    `make` is called each time.
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
