"""A sealed file is read as it was written, or not at all."""

from pathlib import Path

import pytest

from bes.storage.sealed import read_sealed, write_sealed

CONTENT = {"files": {"naïve.npz": "1"}, "inputs": {}, "measured": [0.5, None]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "deep" / "receipt.json", CONTENT)
    return tmp_path / "deep" / "receipt.json"


def test_what_was_written_is_read_back(path: Path) -> None:
    assert read_sealed(path) == CONTENT


def test_the_order_of_the_keys_makes_no_other_file(path: Path) -> None:
    before = path.read_bytes()
    write_sealed(path, dict(reversed(CONTENT.items())))
    assert path.read_bytes() == before


def test_a_file_that_ends_too_early_or_too_late_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for content in (*(whole[:length] for length in range(len(whole))), whole + b"\n", whole * 2):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="digest"):
            read_sealed(path)


def test_the_seal_of_another_file_is_refused(path: Path) -> None:
    first, _, _ = path.read_bytes().partition(b"\n")
    write_sealed(path, CONTENT | {"inputs": {"code": "1"}})
    _, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(first + b"\n" + rest)
    with pytest.raises(ValueError, match="digest"):
        read_sealed(path)


def test_no_file_is_another_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "receipt.json")
