"""A file is there whole or not at all."""

import os
from pathlib import Path

import pytest

from bes.engine.files import digest_bytes, digest_file, write_atomic, write_if_changed


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "c.bin", b"content")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"content"
    assert os.listdir(tmp_path / "a" / "b") == ["c.bin"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_with_the_same_content_keeps_its_date(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_if_changed(path, b"content")
    os.utime(path, ns=(1, 1))
    write_if_changed(path, b"content")
    assert path.stat().st_mtime_ns == 1
    write_if_changed(path, b"other")
    assert path.read_bytes() == b"other" and path.stat().st_mtime_ns > 1


def test_a_file_is_digested_as_its_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    assert digest_file(tmp_path / "file") == digest_bytes(b"x" * 300_000)
    assert len(digest_bytes(b"")) == 32
    assert digest_file(tmp_path / "gone") is None
