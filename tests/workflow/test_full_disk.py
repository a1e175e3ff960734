"""A full disk ends in one sentence; with room again, the same command ends as if it never was."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SENTENCE = "no space left on the device; free some and run again"
PAGE = 4096
CHECKPOINTS = """
import sys
from bes.cli import main
from bes.training import loop as training
training.CHECKPOINT_SECONDS = 0.0
sys.exit(main())
"""


class Disk:
    """A disk in memory with as much room as a file on it leaves."""

    def __init__(self, path: Path):
        self.path, self.filler = path, path / "filler"
        path.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", path]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")

    def leave(self, room: int) -> None:
        """Fill it up to this many bytes."""
        self.filler.unlink(missing_ok=True)
        with open(self.filler, "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(self.path).free - room)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[Path], Disk]]:
    """Mounts a disk on a folder."""
    paths = []

    def mount(path: Path) -> Disk:
        disk = Disk(path)
        paths.append(path)
        return disk

    yield mount
    for path in paths:
        subprocess.run(["umount", "--lazy", path], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a stage, without its memo and journal."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"_memo", "_benchmarks"}.intersection(path.parts)
    }


def test_each_file_is_whole_wherever_the_disk_ends(
    finished: Any, tmp_path: Path, disk: Callable
) -> None:
    small = disk(tmp_path / "disk")
    command = ["boundary_labels", "--dataset", finished.folder("dataset"), "--threads", "1"]
    command += ["--cams", finished.folder("cams"), "--crf-iterations", "2"]
    assert finished.bes(*command, "--out", tmp_path / "whole").returncode == 0
    small.leave(0)
    refused = 0
    # It grows by three pages at a time: files, lines of the memo and a receipt meet its end.
    while (done := finished.bes(*command, "--out", small.path / "out")).returncode:
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        sentence = done.stderr.splitlines()[-1]
        assert sentence.startswith(f"bes: {small.path}") and sentence.endswith(SENTENCE)
        refused += 1
        small.leave(3 * PAGE)
    assert refused > 4
    assert contents(small.path / "out") == contents(tmp_path / "whole")


def test_a_training_ends_while_little_is_lost(
    finished: Any, tmp_path: Path, disk: Callable
) -> None:
    small = disk(tmp_path / "disk")
    words = ["benet", "--dataset", finished.folder("dataset"), "--device", "cpu"]
    words += ["--boundary-labels", finished.folder("boundary_labels"), "--threads", "1"]
    words += ["--classifier", finished.folder("classifier"), "--weights", "classifier"]
    words += ["--backbone", "resnet18", "--batch-size", "4", "--crop", "64", "--iterations", "3"]
    small.leave(1 << 20)
    done = finished.command(sys.executable, "-c", CHECKPOINTS, *words, "--out", small.path / "out")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    file = small.path / "out/_memo/checkpoint.pt"
    assert done.stderr.splitlines()[-1] == f"bes: {file}: {SENTENCE}"
    small.filler.unlink()
    assert finished.bes(*words, "--out", small.path / "out").returncode == 0
    assert finished.bes(*words, "--out", tmp_path / "whole").returncode == 0
    assert contents(small.path / "out") == contents(tmp_path / "whole")


def test_the_workflow_goes_on_when_there_is_room(project: Any, disk: Callable) -> None:
    expected = project.contents()
    results = project.path / "results"
    results.rename(project.path / "moved")
    small = disk(results)
    shutil.copytree(project.path / "moved", results, dirs_exist_ok=True)
    shutil.rmtree(project.folder("benet"))

    small.leave(0)
    done = project.snakemake()
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"bes: results: {SENTENCE}")

    small.leave(1 << 20)
    done = project.snakemake()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    file = "results/tiny/base/benet/model.safetensors"
    assert f"\nbes: {file}: {SENTENCE}\n" in done.stderr

    small.filler.unlink()
    project.run()
    assert project.contents() == expected
