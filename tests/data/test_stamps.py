"""Dates of a dataset's files start nothing where the bytes are the same, and hide nothing."""

import os
import shutil
from pathlib import Path

import pytest

from bes.data.stamps import changed_parts, look_at, write_stamps

PARTS = ["photos", "labels.csv"]
ENDINGS = frozenset({".jpg"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two photographs and a table, which are kept in `kept` beside the folder."""
    root = tmp_path / "data"
    (root / "photos").mkdir(parents=True)
    for name in ("photos/a.jpg", "photos/b.jpg", "labels.csv"):
        (root / name).write_text(f"content of {name}")
    write_stamps(tmp_path / "kept", root, look_at(root, PARTS, ENDINGS), lambda path: None)
    return root


def changed(root: Path, *, keep: bool = False) -> list[str]:
    now = look_at(root, PARTS, ENDINGS)
    return changed_parts(root.parent / "kept", root, now, keep=keep)


def test_nothing_changed(root: Path) -> None:
    assert changed(root) == []


def test_a_stray_file_is_no_change(root: Path) -> None:
    (root / "photos/notes.txt").write_text("notes")
    (root / "config.yaml").write_text("name: x")
    assert changed(root) == []


def test_photographs_that_come_go_or_have_other_bytes_are_changes(root: Path) -> None:
    file = root / "photos/a.jpg"
    content = file.read_text()
    for change in (lambda: file.write_text("longer than before"), file.unlink):
        change()
        assert changed(root) == ["photos"]
    file.write_text(content)
    assert changed(root) == []
    shutil.copy(file, root / "photos/c.jpg")
    assert changed(root) == ["photos"]


def test_other_bytes_under_the_same_size_and_date_are_a_change(root: Path) -> None:
    file = root / "photos/a.jpg"
    found, content = file.stat(), file.read_bytes()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert changed(root) == ["photos"]


def test_other_dates_alone_are_no_change_and_are_kept_if_asked(root: Path) -> None:
    kept = root.parent / "kept"
    before = kept.read_bytes()
    os.utime(root / "labels.csv", (0, 0))
    assert changed(root) == [] and kept.read_bytes() == before
    assert changed(root, keep=True) == [] and kept.read_bytes() != before
    away = root.parent / "away"
    shutil.copytree(root, away)
    assert changed_parts(kept, away, look_at(away, PARTS, ENDINGS), keep=False) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"seal": ""}', None], ids=repr)
def test_damaged_stamps_are_as_good_as_none(root: Path, content: bytes | None) -> None:
    kept = root.parent / "kept"
    kept.unlink() if content is None else kept.write_bytes(content)
    assert changed(root) == ["labels.csv", "photos"]
