"""Files that somebody vouches for by a digest: what is read is held against it."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bes.errors import BesError
from bes.storage.files import digest_bytes


class Voucher(NamedTuple):
    """What some files must be."""

    home: Path
    """The folder that the names of the files start from."""
    files: Mapping[str, str]
    """Name -> digest."""
    receipt: Path | None = None
    """Of results, the receipt that vouches for them; None of files of the user's."""
    since: str = "when the dataset was read"
    """When the digests of files of the user's were taken."""


_vouchers: dict[str, list[Voucher]] = {}
"""By their folder, as there may be as many files as fit into memory once; the last ones count."""


@contextlib.contextmanager
def vouched(vouchers: Iterable[Voucher]) -> Iterator[None]:
    """Within the block, and in processes forked there, `read_vouched` takes these files as they
    were vouched for, or not at all."""
    before = {home: list(known) for home, known in _vouchers.items()}
    for voucher in vouchers:
        _vouchers.setdefault(str(voucher.home), []).append(voucher)
    try:
        yield
    finally:
        _vouchers.clear()
        _vouchers.update(before)


def read_vouched(path: Path) -> bytes:
    """The bytes of a file.

    Raises OSError if it cannot be read, and BesError if they are not those that were vouched for.
    The receipt of such a result is removed, so that the next run makes it anew.
    """
    content = path.read_bytes()
    for home in path.parents:
        for voucher in reversed(_vouchers.get(str(home), ())):
            digest = voucher.files.get(str(path.relative_to(home)))
            if digest is not None:
                if digest_bytes(content) != digest:
                    refuse(path, voucher)
                return content
    return content


def refuse(path: Path, voucher: Voucher) -> None:
    """Raise the error for a file that is not what was vouched for."""
    if voucher.receipt is None:
        raise BesError(
            f"{path}: found other bytes than {voucher.since}, expected them unchanged; "
            "run again, and `bes verify` before that if this comes a second time"
        )
    voucher.receipt.unlink(missing_ok=True)
    raise BesError(
        f"{path}: found other bytes than the digest in {voucher.receipt} stands for, expected the "
        "file as it was written; run again, which makes it anew"
    )
