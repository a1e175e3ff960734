"""A job that is killed goes on where it stopped, and ends with the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bes.storage.layout import model_file

PATIENCE = 120.0
"""Seconds that anything may take before the test gives up."""


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise TimeoutError("what should have happened did not")


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stage_words(project: Any, out: Path) -> list[str]:
    """The boundary labels, with a dense CRF that takes its time."""
    words = ["boundary_labels", "--dataset", "results/tiny/base/dataset"]
    words += ["--cams", "results/tiny/base/cams", "--out", str(out), "--threads", "2"]
    return [*words, "--crf-iterations", "300"]


def test_a_stage_that_is_killed_keeps_what_it_finished(project: Any, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert project.bes(*stage_words(project, whole)).returncode == 0
    process = project.start(sys.executable, "-m", "bes", *stage_words(project, out))
    wait_for(lambda: len(list(out.glob("*.png"))) >= 3)
    kill(process)
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 3 <= len(finished) < 12
    done = project.bes(*stage_words(project, out))
    assert done.returncode == 0, done.stderr
    images = {path.name: path for path in whole.glob("*.png")}
    assert len(images) == 12
    for name, path in images.items():
        assert (out / name).read_bytes() == path.read_bytes()
    # A kill between a file and its line in the memo costs that file.
    kept = [name for name, date in finished.items() if (out / name).stat().st_mtime_ns == date]
    assert len(kept) >= len(finished) - 1
    for receipt in (whole / "_receipts").iterdir():
        assert (out / "_receipts" / receipt.name).read_bytes() == receipt.read_bytes()


TRAINING = """
import sys
from bes.cli import main
from bes.training import loop as training
training.CHECKPOINT_SECONDS = 0.0
sys.exit(main())
"""


def training_words(out: Path) -> list[str]:
    words = ["benet", "--dataset", "results/tiny/base/dataset", "--device", "cpu"]
    words += ["--boundary-labels", "results/tiny/base/boundary_labels", "--threads", "1"]
    words += ["--classifier", "results/tiny/base/classifier", "--weights", "classifier"]
    words += ["--backbone", "mobilenet_v2", "--batch-size", "4", "--crop", "64"]
    return [*words, "--iterations", "30", "--out", str(out)]


def test_a_training_that_is_killed_is_resumed(project: Any, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "killed"
    # Started with a checkpoint after each iteration; the command that goes on is the plain one.
    process = project.start(sys.executable, "-c", TRAINING, *training_words(out))
    wait_for((out / "_memo/checkpoint.pt").exists)
    kill(process)
    assert not model_file(out).exists()
    done = project.bes(*training_words(out))
    assert done.returncode == 0 and "resumed after " in done.stderr, done.stderr
    assert project.bes(*training_words(whole)).returncode == 0
    for name in ("model.safetensors", "model.json", "metrics.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("victim", ["job", "workflow"])
def test_a_workflow_survives_a_kill_and_keeps_what_it_finished(project: Any, victim: str) -> None:
    project.configure({"boundary_labels": {"crf_iterations": 100, "theta_fg": 0.9}})
    reference = project.copy(project.path.with_name("reference"))
    folder = project.folder("boundary_labels")
    shutil.rmtree(folder)
    shutil.rmtree(reference.folder("boundary_labels"))
    target = [
        str((folder / "_receipts" / f"00{n}.json").relative_to(project.path)) for n in range(2)
    ]
    process = project.start(*project.SNAKEMAKE, *target)
    # Two jobs at a time: of four files at least two are in the memos.
    wait_for(lambda: len(list(folder.glob("*.png"))) >= 4)
    if victim == "workflow":
        kill(process)
    else:
        for job in project.jobs(process, "boundary_labels"):
            job.kill()
        assert process.wait(PATIENCE) != 0
    assert len(list(folder.glob("*.png"))) < 12
    done = project.snakemake(*target)
    assert done.returncode == 0, done.stderr[-3000:]
    assert reference.snakemake(*target).returncode == 0
    assert project.contents() == reference.contents()
    assert 0 < project.computed()["boundary_labels"] < 12
