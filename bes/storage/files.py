"""Files that are there whole or not at all."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_atomic(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file so that a reader, a crash or a full disk never sees half of it.

    `durable` has it on the disk before it takes its name, so that a power cut cannot leave an empty
    file under it either; that takes longer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # No part of the file's name is in it: that may be as long as the file system allows.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with naming(path), open(temporary, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        with naming(path):
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the operating system name this file; a disk that is full names none."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file unless it already holds just that, so that its date keeps its meaning."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass
    write_atomic(path, content)


DIGEST_LENGTH = 32
"""Characters of a digest."""


def digest_bytes(content: bytes) -> str:
    """BLAKE2b-128, hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_file(path: Path) -> str | None:
    """BLAKE2b-128 of a file's bytes, or None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except (FileNotFoundError, IsADirectoryError):
        return None
