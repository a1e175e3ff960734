"""A receipt vouches for files, and is voided when one of them is not there."""

import os
from pathlib import Path

import pytest

from bes.errors import BesError
from bes.storage.files import digest_bytes
from bes.storage.layout import model_receipt, receipt_file
from bes.storage.receipts import broken, read_inputs, read_receipt, write_receipt


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


def test_a_receipt_says_what_its_files_were_made_from(tmp_path: Path) -> None:
    path = receipt_file(tmp_path, "000")
    write_receipt(path, {"a.npz": "digest"}, {"options": "1", "code": "2"})
    assert read_inputs(path) == {"options": "1", "code": "2"}


def test_nothing_is_broken_where_all_files_are_there(folder: Path) -> None:
    assert broken(folder) == {}


def test_a_missing_file_breaks_the_receipt_of_its_shard(folder: Path) -> None:
    (folder / "001_b.npz").unlink()
    assert broken(folder) == {receipt_file(folder, "001"): ["001_b.npz"]}
    assert receipts(folder) == ["000", "001"]


def test_an_empty_file_breaks_its_receipt(folder: Path) -> None:
    os.truncate(folder / "000_a.npz", 0)
    assert broken(folder) == {receipt_file(folder, "000"): ["000_a.npz"]}


def test_a_file_that_is_to_be_empty_is_whole(folder: Path) -> None:
    write_receipt(receipt_file(folder, "000"), {"list.txt": digest_bytes(b"")})
    (folder / "list.txt").touch()
    assert broken(folder) == {}


def test_a_folder_in_place_of_a_file_breaks_its_receipt(folder: Path) -> None:
    (folder / "000_a.npz").unlink()
    (folder / "000_a.npz").mkdir()
    assert broken(folder) == {receipt_file(folder, "000"): ["000_a.npz"]}


@pytest.mark.parametrize("place", ["page/index.html", "page/pictures/cams/a.webp"])
def test_files_in_folders_are_looked_at_too(tmp_path: Path, place: str) -> None:
    receipt = receipt_file(tmp_path, "whole")
    write_receipt(receipt, {place: "digest"})
    (tmp_path / place).parent.mkdir(parents=True)
    assert broken(tmp_path) == {receipt: [place]}
    (tmp_path / place).write_bytes(b"content")
    assert broken(tmp_path) == {}


def contents() -> list[bytes]:
    """What damage leaves of a receipt, among it every kind that is still JSON."""
    kinds = [b"", b"{", b"null", b"[]", b"{}", b'{"files": null}', b'{"files": 3}', b"\xff\xfe"]
    return [*kinds, b'{"files": {"001_a.npz": "digest"}, "inputs": {}}']


@pytest.mark.parametrize("content", contents(), ids=repr)
def test_a_damaged_receipt_is_broken(folder: Path, content: bytes) -> None:
    receipt_file(folder, "001").write_bytes(content)
    assert broken(folder) == {receipt_file(folder, "001"): ["001.json"]}


def test_a_receipt_of_which_any_byte_changed_is_not_read(folder: Path) -> None:
    path = receipt_file(folder, "001")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BesError, match="not a receipt"):
            read_receipt(path)


def test_a_folder_that_is_not_there_has_nothing_broken(tmp_path: Path) -> None:
    assert broken(tmp_path / "cams") == {}


def test_a_network_is_vouched_for_too(tmp_path: Path) -> None:
    folder = tmp_path / "benet"
    write_receipt(model_receipt(folder), {"model.safetensors": "digest"})
    (folder / "model.safetensors").write_bytes(b"weights")
    assert broken(folder) == {}
    (folder / "model.safetensors").unlink()
    assert broken(folder) == {model_receipt(folder): ["model.safetensors"]}
