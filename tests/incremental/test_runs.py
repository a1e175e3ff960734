"""A lock that a killed run left is removed; that of a living one is not."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bes.incremental.snakemake_locks import Run

RUN = """
import sys, time
from pathlib import Path
from bes.incremental.snakemake_locks import run_in
folder = Path(sys.argv[1])
run_in(folder)
(folder / "locks").mkdir(exist_ok=True)
(folder / "locks" / "0.output.lock").write_text("results/x")
if sys.argv[2] == "started":
    run_in(folder).started()
print("here", flush=True)
time.sleep(60)
"""


def start(folder: Path, state: str) -> subprocess.Popen:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, folder, state], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout and run.stdout.readline() == "here\n"
    return run


def kill(run: subprocess.Popen) -> None:
    run.send_signal(signal.SIGKILL)
    run.communicate()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "0.output.lock"


@pytest.mark.parametrize("state", ["starting", "started"])
def test_the_lock_of_a_killed_run_is_removed(tmp_path: Path, lock: Path, state: str) -> None:
    kill(start(tmp_path, state))
    assert lock.exists()
    Run(tmp_path)
    assert not lock.exists()


def test_the_lock_of_a_living_run_stays(tmp_path: Path, lock: Path) -> None:
    run = start(tmp_path, "started")
    Run(tmp_path)
    assert lock.exists()
    kill(run)


def test_the_lock_of_a_run_stays_where_another_ended_that_was_there_before(
    tmp_path: Path, lock: Path
) -> None:
    first, second = start(tmp_path, "started"), start(tmp_path, "started")
    kill(first)
    Run(tmp_path)
    assert lock.exists()
    kill(second)


def test_copies_that_a_killed_run_made_are_removed(tmp_path: Path) -> None:
    """Where there is one, Snakemake refuses to make another."""
    run = start(tmp_path, "started")
    (tmp_path / "backups" / "results").mkdir(parents=True)
    Run(tmp_path)
    assert (tmp_path / "backups").exists()
    kill(run)
    Run(tmp_path)
    assert not (tmp_path / "backups").exists()


def test_a_run_waits_while_another_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(tmp_path, "starting")
    waiting = subprocess.Popen(
        [sys.executable, "-c", RUN, tmp_path, "started"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr and waiting.stdout
    assert waiting.stderr.readline() == "bes: waiting for another snakemake that starts here\n"
    kill(run)
    assert waiting.stdout.readline() == "here\n"
    kill(waiting)


def test_the_lock_of_another_machine_stays(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(start(tmp_path, "started"))
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    Run(tmp_path)
    assert lock.exists()


def test_a_lock_of_unknown_origin_stays(tmp_path: Path, lock: Path) -> None:
    lock.parent.mkdir()
    lock.write_text("results/x")
    Run(tmp_path)
    assert lock.exists()
