"""The small datasets, and a finished project on one of them, as fixtures."""

import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from finished import finish, project, read_dataset
from small_datasets import MORE, TRAIN, Coco, Folder, Published
from warm import Warm

from bes.data import voc12


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where the tests run in a shell's background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST = (
    *("test_events", "test_configurations", "test_installed", "test_random_events"),
    *("test_storage", "test_export_network", "test_page", "test_transformer_backbones"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the workflow's: at the end no process waits for another, and
    at the start two have something to do while the first one makes the finished project."""
    order = {name: number for number, name in enumerate(LONGEST, -len(LONGEST))}
    items.sort(key=lambda it: order.get(it.path.stem, "workflow" not in it.path.parts))


@pytest.fixture(scope="session")
def shared_by_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the tests have."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def warm(shared_by_all: Path) -> Warm:
    """The server that runs the workflow and its jobs, one for all processes of the tests."""
    server = Warm(shared_by_all / "warm")
    with FileLock(shared_by_all / "warm.lock"):
        if not server.folder.exists():
            in_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
            server.start(os.getppid() if in_one_of_many else os.getpid())
    return server


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


@pytest.fixture(scope="session")
def run_once_for_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs and all results, which no test changes."""
    path = tmp_path_factory.mktemp("finished")
    Folder(path)
    (path / "weights.pth").write_bytes(b"weights that nobody reads")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        finish(project())
    return path


@pytest.fixture
def finished(run_once_for_all: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory; its photographs are files of their own, so they are
    read again."""
    copy = tmp_path / "work"
    shutil.copytree(run_once_for_all, copy)
    monkeypatch.chdir(copy)
    read_dataset()
    return copy
