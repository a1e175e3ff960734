"""Archives of published datasets: fetched, checked, unpacked; each part is there whole or not."""

import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import ssl
import stat
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bes.errors import BesError
from bes.storage.lock import locked
from bes.storage.progress import Progress
from bes.storage.words import one_line

MIB = 1 << 20
EXPANSION = 10
"""What is unpacked may have this many times the bytes of its archive: photographs hardly shrink,
annotations to about a quarter."""
TRIES = 5
"""Connections in a row without a byte before a download is given up; it is resumed later."""
PAUSE = 2.0
"""Seconds before the second connection, and twice as long before each further one."""
NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    ConnectionError,
    TimeoutError,
)
"""Not every OSError: a full disk is none."""
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # of zipfile: encrypted, or compressed in an unknown way
)


@dataclass(frozen=True)
class Archive:
    """A published archive, and what of it is wanted."""

    url: str
    md5: str
    parts: tuple[str, ...]
    """Files and folders of the archive to unpack, and no others, with `/`."""

    @property
    def name(self) -> str:
        """The file name."""
        return self.url.rpartition("/")[2]


def provide(archives: tuple[Archive, ...], root: Path) -> None:
    """Have the parts of all archives below `root`; does nothing where they are there already.

    An archive that lies in `root` is used as it is, another is downloaded there; a download that
    broke off goes on where it ended, now or in the next call.

    Raises BesError if a server cannot be reached or an archive is not the published one, is damaged
    or holds what it should not. No part is there half then.
    """
    for archive in archives:
        if _is_there(archive, root):
            continue
        _prepare(root)
        with locked(root / f".{archive.name}.lock"):
            if not _is_there(archive, root):  # nobody else has unpacked it meanwhile
                path = _fetch(archive, root)
                _unpack(archive, path, root)


def _is_there(archive: Archive, root: Path) -> bool:
    return all((root / part).exists() for part in archive.parts)


def _prepare(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        writable = os.access(root, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise BesError(f"{root}: cannot be written to, expected a folder to download to")


def _fetch(archive: Archive, root: Path) -> Path:
    """The archive's file, with the right checksum."""
    path = root / archive.name
    if path.exists():
        if (found := _md5(path)) != archive.md5:
            raise BesError(
                f"{path}: found a file with the MD5 {found}, expected {archive.md5} of "
                f"{archive.url}; remove it to download it anew"
            )
        return path
    partial = path.with_name(f"{path.name}.part")
    _download(archive, partial, path)
    if (found := _md5(partial)) != archive.md5:
        partial.unlink()
        raise BesError(
            f"{archive.url}: received a file with the MD5 {found}, expected {archive.md5}; it was "
            f"thrown away. Run again, or put the published archive at {path}"
        )
    os.replace(partial, path)
    return path


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, hashlib.md5).hexdigest()


def _download(archive: Archive, partial: Path, path: Path) -> None:
    """Add to a partial file until it is complete."""
    failures = 0
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            if _receive(archive, partial, before):
                return
            problem = "the connection broke off"
        except urllib.error.HTTPError as error:
            problem = f"HTTP status {error.code}"
            if error.code < 500 and error.code != 429:
                failures = TRIES
        except NETWORK_ERRORS as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        after = partial.stat().st_size if partial.exists() else 0
        failures = 0 if after > before else failures + 1
        if failures >= TRIES:
            kept = f" beyond the {after} bytes in {partial}" if after else ""
            raise BesError(
                f"{archive.url}: cannot be downloaded{kept} ({problem}); run again, or put the "
                f"archive at {path}"
            )
        print(f"{archive.name}: {problem} after {after} bytes", file=sys.stderr, flush=True)
        time.sleep(PAUSE * 2**failures / 2)


def _receive(archive: Archive, partial: Path, start: int) -> bool:
    """Append what one connection gives from byte `start` on; whether the file is complete."""
    headers = {"User-Agent": "bes"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(archive.url, headers=headers), timeout=60
        )
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return True  # nothing is left to send; the checksum tells whether it is right
        raise
    with response:
        # A server that knows no ranges sends the whole file.
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        length = response.headers["Content-Length"]
        if length is None:
            raise BesError(f"{archive.url}: the server gives no length, expected one")
        size = start + int(length)
        progress = Progress(archive.name, size // MIB + 1, unit="MiB", done=start // MIB)
        with open(partial, "ab") as file:
            file.truncate(start)
            while chunk := response.read(MIB):
                file.write(chunk)
                progress.step()
            return file.tell() == size


def _unpack(archive: Archive, path: Path, root: Path) -> None:
    """Unpack the parts beside their places, then move them there."""
    with _temporary_folder(root / f".{archive.name}.unpacked") as folder:
        try:
            if zipfile.is_zipfile(path):
                _unpack_zip(archive, path, folder)
            else:
                _unpack_tar(archive, path, folder)
        except DAMAGE as error:
            raise BesError(
                f"{path}: cannot be unpacked ({one_line(error)}), expected the archive of "
                f"{archive.url}"
            ) from None
        for part in archive.parts:
            if not (folder / part).exists():
                raise BesError(
                    f"{path}: found no {part} in it, expected {', '.join(archive.parts)}"
                )
        for part in archive.parts:
            if not (root / part).exists():
                (root / part).parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder / part, root / part)


@contextlib.contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed process left in it goes first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _unpack_tar(archive: Archive, path: Path, folder: Path) -> None:
    """Raises tarfile.FilterError for members with a place or of a kind that is not safe."""
    if not hasattr(tarfile, "data_filter"):
        raise BesError(
            f"Python {sys.version.split()[0]}: cannot unpack archives safely, expected 3.11.4 or "
            "later"
        )
    limit = _Limit(path)
    print(f"unpacking {path}", file=sys.stderr, flush=True)

    def wanted(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo | None:
        if PurePosixPath(member.name).is_absolute():  # of which the filter would drop the slash
            raise tarfile.AbsolutePathError(member)
        safe = tarfile.data_filter(member, destination)
        limit.add(member.size)
        return safe if _is_wanted(archive, member.name) else None

    with tarfile.open(path) as tar:
        tar.extractall(folder, filter=wanted)


def _unpack_zip(archive: Archive, path: Path, folder: Path) -> None:
    """Raises BesError for members with a place or of a kind that is not safe."""
    limit = _Limit(path)
    print(f"unpacking {path}", file=sys.stderr, flush=True)
    with zipfile.ZipFile(path) as zipped:
        members = zipped.infolist()
        for member in members:
            place = PurePosixPath(member.filename.replace("\\", "/"))
            link = stat.S_ISLNK(member.external_attr >> 16)
            if place.is_absolute() or ".." in place.parts or link:
                raise BesError(
                    f"{path}: found {'the link ' if link else ''}{member.filename!r} in it, "
                    "expected files below the folder that it is unpacked to"
                )
            limit.add(member.file_size)
        for member in members:
            if _is_wanted(archive, member.filename):
                zipped.extract(member, folder)


def _is_wanted(archive: Archive, name: str) -> bool:
    return any(PurePosixPath(name).is_relative_to(part) for part in archive.parts)


class _Limit:
    """Counts bytes to unpack; raises BesError beyond what an archive of this size may hold."""

    def __init__(self, path: Path):
        self.path, self.left = path, EXPANSION * path.stat().st_size

    def add(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise BesError(
                f"{self.path}: holds more than {EXPANSION} times its own size, expected less"
            )
