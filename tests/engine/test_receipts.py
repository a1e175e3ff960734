"""A receipt vouches for files, and is voided when one of them is not there."""

import os
from pathlib import Path

import pytest

from bes.data.layout import model_receipt, receipt_file
from bes.engine.receipts import read_receipt, void_broken, write_receipt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards with two files each, and what else is in a stage's folder."""
    folder = tmp_path / "cams"
    for shard in ("000", "001"):
        names = [f"{shard}_{letter}.npz" for letter in "ab"]
        write_receipt(receipt_file(folder, shard), dict.fromkeys(names, "digest"))
        for name in names:
            (folder / name).write_bytes(b"content")
    (folder / "_logs").mkdir()
    return folder


def receipts(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "_receipts").glob("*.json"))


def test_a_receipt_is_read_as_it_was_written(folder: Path) -> None:
    assert read_receipt(receipt_file(folder, "000")) == {
        "000_a.npz": "digest",
        "000_b.npz": "digest",
    }


def test_nothing_is_voided_where_all_files_are_there(folder: Path) -> None:
    assert void_broken(folder) == []
    assert receipts(folder) == ["000", "001"]


def test_a_missing_file_voids_the_receipt_of_its_shard(folder: Path) -> None:
    (folder / "001_b.npz").unlink()
    assert void_broken(folder) == [receipt_file(folder, "001")]
    assert receipts(folder) == ["000"]


def test_an_empty_file_voids_its_receipt(folder: Path) -> None:
    os.truncate(folder / "000_a.npz", 0)
    assert void_broken(folder) == [receipt_file(folder, "000")]


def test_a_folder_in_place_of_a_file_voids_its_receipt(folder: Path) -> None:
    (folder / "000_a.npz").unlink()
    (folder / "000_a.npz").mkdir()
    assert void_broken(folder) == [receipt_file(folder, "000")]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"{}", b'{"files": null}', b'{"files": 3}', b"\xff\xfe"],
    ids=repr,
)
def test_a_damaged_receipt_is_voided(folder: Path, content: bytes) -> None:
    receipt_file(folder, "001").write_bytes(content)
    assert void_broken(folder) == [receipt_file(folder, "001")]
    assert receipts(folder) == ["000"]


def test_voiding_twice_finds_nothing_more(folder: Path) -> None:
    (folder / "000_a.npz").unlink()
    void_broken(folder)
    assert void_broken(folder) == []


def test_a_folder_that_is_not_there_has_nothing_to_void(tmp_path: Path) -> None:
    assert void_broken(tmp_path / "cams") == []


def test_a_network_is_vouched_for_too(tmp_path: Path) -> None:
    folder = tmp_path / "benet"
    write_receipt(model_receipt(folder), {"model.safetensors": "digest"})
    (folder / "model.safetensors").write_bytes(b"weights")
    assert void_broken(folder) == []
    (folder / "model.safetensors").unlink()
    assert void_broken(folder) == [model_receipt(folder)]
