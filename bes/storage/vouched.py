"""Files that somebody vouches for by a digest: what is read is held against it."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bes.errors import BesError
from bes.storage.files import digest_bytes


class Voucher(NamedTuple):
    """What a file must be."""

    digest: str
    receipt: Path | None = None
    """Of a result, the receipt that vouches for it; None of a file of the user's."""
    since: str = "when the dataset was read"
    """When the digest of a file of the user's was taken."""


_vouchers: dict[str, Voucher] = {}


@contextlib.contextmanager
def vouched(files: Mapping[Path, Voucher]) -> Iterator[None]:
    """Within the block, and in processes forked there, `read_vouched` takes these files as they
    were vouched for, or not at all."""
    before = dict(_vouchers)
    _vouchers.update({str(path): voucher for path, voucher in files.items()})
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
    voucher = _vouchers.get(str(path))
    if voucher is not None and digest_bytes(content) != voucher.digest:
        refuse(path, voucher)
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
