"""What is read is what somebody vouched for, or nothing is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from bes.data.images import (
    decode_labels,
    encode_boundary_map,
    encode_labels,
    encode_maps,
    read_boundary_map,
    read_maps,
    read_mask,
    read_photograph,
)
from bes.errors import BesError
from bes.report.results import read_csv, read_json
from bes.report.scores import read_scores
from bes.storage.files import digest_bytes
from bes.storage.pool import forked_map
from bes.storage.vouched import Voucher, read_vouched, vouched
from bes.training.checkpoints import load_settings, load_weights, save_network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "receipt.json").write_text("a receipt")
    (tmp_path / "a.npz").write_bytes(b"as written")
    return tmp_path / "a.npz"


def voucher(path: Path, digest: str, receipt: Path | None = None) -> list[Voucher]:
    """Of the file alone, with its place in a folder farther up."""
    home = path.parents[1]
    return [Voucher(home, {str(path.relative_to(home)): digest}, receipt)]


def result(path: Path) -> list[Voucher]:
    """The file as it was written, vouched for by a receipt."""
    return voucher(path, digest_bytes(b"as written"), path.parent / "receipt.json")


def photograph(path: Path) -> list[Voucher]:
    """The file as a file of the user's."""
    return voucher(path, digest_bytes(b"as written"))


@pytest.mark.parametrize("files", [result, photograph])
def test_a_file_as_it_was_vouched_for_is_read(path: Path, files: Any) -> None:
    with vouched(files(path)):
        assert read_vouched(path) == b"as written"
    assert (path.parent / "receipt.json").exists()


def test_a_result_with_other_bytes_is_refused_and_its_receipt_is_void(path: Path) -> None:
    path.write_bytes(b"as wrItten")
    expected = r"a\.npz: found other bytes than the digest in .*receipt\.json stands for, expected"
    with vouched(result(path)):
        with pytest.raises(BesError, match=expected):
            read_vouched(path)
        assert not (path.parent / "receipt.json").exists()
        with pytest.raises(BesError, match=expected):  # by another thread, a moment later
            read_vouched(path)
    assert path.read_bytes() == b"as wrItten"


def test_a_photograph_with_other_bytes_is_refused_and_nothing_is_void(path: Path) -> None:
    path.write_bytes(b"as wrItten")
    expected = r"a\.npz: found other bytes than when the dataset was read, expected them unchanged"
    with vouched(photograph(path)), pytest.raises(BesError, match=expected):
        read_vouched(path)
    assert (path.parent / "receipt.json").exists()


def test_a_missing_file_is_missing_whoever_vouches_for_it(path: Path) -> None:
    path.unlink()
    with vouched(result(path)), pytest.raises(FileNotFoundError):
        read_vouched(path)


def test_of_other_files_nothing_is_asked(path: Path) -> None:
    other = path.with_name("b.npz")
    other.write_bytes(b"anything")
    with vouched(result(path)):
        assert read_vouched(other) == b"anything"


def test_a_voucher_holds_within_its_block_alone(path: Path) -> None:
    path.write_bytes(b"new")
    with vouched(photograph(path)):
        with vouched(voucher(path, digest_bytes(b"new"))):
            assert read_vouched(path) == b"new"
        with pytest.raises(BesError):
            read_vouched(path)
    assert read_vouched(path) == b"new"
    with pytest.raises(KeyboardInterrupt), vouched(photograph(path)):
        raise KeyboardInterrupt
    assert read_vouched(path) == b"new"


def test_a_voucher_holds_in_the_processes_of_a_pool(path: Path) -> None:
    path.write_bytes(b"as wrItten")
    with vouched(result(path)), pytest.raises(BesError, match="found other bytes"):
        list(forked_map(read_vouched, [path, path], processes=2))
    assert not (path.parent / "receipt.json").exists()


def write_picture(path: Path) -> None:
    Image.new("RGB", (4, 4)).save(path, "PNG")


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


MAPS = encode_maps(np.zeros((1, 2, 2)), [1], (8, 8))
LABELS = encode_labels(np.zeros((4, 4), np.uint8))
SCORES = write(b'{"skipped": "no masks"}')
READERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "photograph": (write_picture, read_photograph),
    "mask": (write(LABELS), read_mask),
    "labels": (write(LABELS), decode_labels),
    "boundary map": (write(encode_boundary_map(np.zeros((2, 2)))), read_boundary_map),
    "maps": (write(MAPS), read_maps),
    "scores": (SCORES, read_scores),
    "JSON of the report": (SCORES, read_json),
    "table of the report": (write(b"image,score\na,1\n"), read_csv),
    "settings of a network": (lambda path: save_network(path, nn.Linear(2, 2), {}), load_settings),
    "weights of a network": (
        lambda path: save_network(path, nn.Linear(2, 2), {}),
        lambda path: load_weights(path, nn.Linear(2, 2)),
    ),
}


@pytest.mark.parametrize("kind", READERS)
def test_every_reader_of_results_and_photographs_asks(tmp_path: Path, kind: str) -> None:
    prepare, read = READERS[kind]
    path = tmp_path / "file"
    prepare(path)
    with vouched(voucher(path, digest_bytes(path.read_bytes()))):
        read(path)
    with vouched(voucher(path, "0" * 32)), pytest.raises(BesError, match="found other bytes"):
        read(path)
