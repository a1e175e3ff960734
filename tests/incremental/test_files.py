"""A file is there whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from bes.storage.files import digest_bytes, digest_file, write_atomic, write_if_changed
from bes.storage.lock import locked


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


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("letter", ["a", "é", "犬"])
def test_a_name_may_be_as_long_as_the_file_system_allows(
    tmp_path: Path, letter: str, durable: bool
) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = letter * ((longest - 4) // len(letter.encode())) + ".npz"
    write_atomic(tmp_path / name, b"content", durable=durable)
    assert os.listdir(tmp_path) == [name]
    with pytest.raises(OSError) as refused:
        write_atomic(tmp_path / f"{'a' * longest}b", b"content")
    assert refused.value.filename == os.fspath(tmp_path / f"{'a' * longest}b")
    assert os.listdir(tmp_path) == [name], "what could not be named is left"


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, events = tmp_path / "file", []
    fsync, replace = os.fsync, os.replace

    def synced(file: int) -> None:
        fsync(file)
        events.append(os.fstat(file).st_size)

    def replaced(old: Path, new: Path) -> None:
        replace(old, new)
        events.append(new.name)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomic(path, b"12345", durable=True)
    write_atomic(path, b"12345")
    assert events == [5, "file", "file"]


def test_what_a_killed_process_leaves_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: os._exit(0))
    child = os.fork()
    if child == 0:
        write_atomic(tmp_path / "file", b"content")
    os.waitpid(child, 0)
    (left,) = tmp_path.glob("**/.*.tmp")  # as `bes clean` looks for it
    assert left.read_bytes() == b"content"


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


def test_who_waits_for_another_process_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = threading.Thread(target=lambda: locked(tmp_path / "lock").__enter__())
    with locked(tmp_path / "lock"):
        assert capsys.readouterr().err == ""
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
    said = f"bes: waiting for another process that has {tmp_path / 'lock'}\n"
    assert capsys.readouterr().err == said
