"""The small datasets as fixtures."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from small_datasets import MORE, TRAIN, Coco, Folder, Published

from bes.data import voc12


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder without faults."""
    return Folder(tmp_path)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[str], Folder]:
    """Several of them."""
    return lambda name: Folder(tmp_path / name)


@pytest.fixture
def voc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """Files without faults, whose training set passes as the known one."""
    ids = "".join(f"{image}\n" for image in TRAIN + MORE)
    monkeypatch.setattr(voc12, "TRAIN_AUG_DIGEST", hashlib.sha256(ids.encode()).hexdigest())
    return Published(tmp_path)


@pytest.fixture
def coco(tmp_path: Path) -> Coco:
    """Without faults; `write` writes it."""
    return Coco(tmp_path)
