"""Two jobs of one machine do not share a GPU. The GPUs are names in a list here."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bes.errors import BesError
from bes.incremental import device
from bes.incremental.device import _lease, _visible_devices, acquire_device

NOBODY = 65534

JOB = """
import os, sys, tempfile
from pathlib import Path
from bes.incremental import device
device.LOCKS = Path(sys.argv[2])
if len(sys.argv) > 3:  # once everything is imported: another user may not read the package
    os.setgroups([]), os.setgid(int(sys.argv[3])), os.setuid(int(sys.argv[3]))
print(*device._lease(device._visible_devices(), int(sys.argv[1])), flush=True)
sys.stdin.read()
"""

Job = subprocess.Popen[str]


@pytest.fixture
def locks() -> Iterator[Path]:
    """A folder such as /tmp, of all users."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777 | stat.S_ISVTX)
        yield Path(folder)


@pytest.fixture
def start(locks: Path) -> Iterator[Callable[..., Job]]:
    """Starts a job that leases GPUs of the two there are and holds them until its input ends."""
    jobs: list[Job] = []

    def start(count: int = 1, *, user: int | None = None, **environment: str) -> Job:
        arguments = [str(count), str(locks), *([] if user is None else [str(user)])]
        jobs.append(
            subprocess.Popen(
                [sys.executable, "-c", JOB, *arguments],
                env=os.environ | {"CUDA_VISIBLE_DEVICES": "3,GPU-5"} | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def leased(job: Job) -> str:
    assert job.stdout is not None
    return job.stdout.readline().strip()


def waits(job: Job) -> str:
    assert job.stderr is not None
    return job.stderr.readline().strip()


def test_two_jobs_lease_two_gpus_and_a_third_waits_for_one(start: Callable[..., Job]) -> None:
    first, second = start(), start()
    assert {leased(first), leased(second)} == {"3", "GPU-5"}
    third = start()
    assert waits(third) == "waiting for 1 of the GPUs 3, GPU-5"
    assert third.poll() is None
    second.kill()
    assert leased(third) in ("3", "GPU-5")
    assert third.poll() is None and first.poll() is None


def test_a_job_that_needs_two_gpus_waits_for_both(start: Callable[..., Job]) -> None:
    one = start()
    leased(one)
    both = start(2)
    assert waits(both) == "waiting for 2 of the GPUs 3, GPU-5"
    other = start()
    assert leased(other) in ("3", "GPU-5"), "a waiting job must not hold what it cannot use yet"
    for job in (one, other):
        job.communicate()
    assert leased(both) == "3 GPU-5"


def test_a_gpu_is_leased_once_whatever_the_tmpdir(
    start: Callable[..., Job], tmp_path: Path
) -> None:
    one = start(CUDA_VISIBLE_DEVICES="0", TMPDIR=str(tmp_path / "a"))
    assert leased(one) == "0"
    other = start(CUDA_VISIBLE_DEVICES="0", TMPDIR=str(tmp_path / "b"))
    assert waits(other) == "waiting for 1 of the GPUs 0"


@pytest.mark.skipif(os.getuid() != 0, reason="another user is one that root becomes")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_another_user_waits_for_the_gpu_and_gets_it(start: Callable[..., Job], mask: int) -> None:
    old = os.umask(mask)
    try:
        first = start(CUDA_VISIBLE_DEVICES="3")
        assert leased(first) == "3"
    finally:
        os.umask(old)
    second = start(CUDA_VISIBLE_DEVICES="3", user=NOBODY)
    assert waits(second) == "waiting for 1 of the GPUs 3"
    first.communicate()
    assert leased(second) == "3"
    third = start(CUDA_VISIBLE_DEVICES="3")
    assert waits(third) == "waiting for 1 of the GPUs 3"


@pytest.mark.skipif(os.getuid() != 0, reason="another user is one that root becomes")
def test_a_lock_that_cannot_be_opened_is_left_for_one_of_the_user(
    start: Callable[..., Job], locks: Path
) -> None:
    (locks / "bes-gpu-3.lock").touch(mode=0o600)
    assert leased(start(CUDA_VISIBLE_DEVICES="3", user=NOBODY)) == "3"
    assert (locks / f"bes-gpu-3.{NOBODY}.lock").exists()
    again = start(CUDA_VISIBLE_DEVICES="3", user=NOBODY)
    assert waits(again) == "waiting for 1 of the GPUs 3"


def test_a_link_to_nowhere_is_no_lock(start: Callable[..., Job], locks: Path) -> None:
    (locks / "bes-gpu-3.lock").symlink_to(locks / "gone")
    assert leased(start(CUDA_VISIBLE_DEVICES="3")) == "3"


def test_without_a_place_for_locks_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(device, "LOCKS", tmp_path / "file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(
        BesError, match=r"file/.*lock: found no place for the lock of GPU 3 \(Not a"
    ):
        _lease(["3"], 1)


def test_a_file_system_without_locks_lends_all_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks")

    monkeypatch.setattr(device, "LOCKS", tmp_path)
    monkeypatch.setattr(fcntl, "flock", flock)
    assert _lease(["0", "1"], 1) == ["0"]


@pytest.mark.parametrize("name", ["MIG-GPU-8932f937/1/0", "../../escaped", "GPU 1", "MIG-é"])
def test_a_lock_lies_in_its_folder_whatever_the_device_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(device, "LOCKS", tmp_path / "locks")
    (tmp_path / "locks").mkdir()
    assert _lease([name], 1) == [name]
    assert len(os.listdir(tmp_path / "locks")) == 1 and os.listdir(tmp_path) == ["locks"]


@pytest.mark.parametrize(
    ("listed", "names"),
    [("", []), ("-1", []), ("1,0", ["1", "0"]), ("0, 1", ["0", "1"]), ("0,0", ["0"])],
)
def test_the_list_of_a_scheduler_is_respected(
    monkeypatch: pytest.MonkeyPatch, listed: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert _visible_devices() == names


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert acquire_device("auto") == acquire_device("cpu") == "cpu"
    with pytest.raises(BesError, match="--device cuda: found no usable GPU"):
        acquire_device("cuda")


@pytest.mark.parametrize(
    ("assigned_by", "visible"), [(None, "0"), ("SLURM_JOB_ID", "0,1"), ("LOCAL_RANK", "0,1")]
)
def test_gpus_that_somebody_else_assigned_are_not_leased(
    monkeypatch: pytest.MonkeyPatch, locks: Path, assigned_by: str | None, visible: str
) -> None:
    """A scheduler, or the process that starts the others of a distributed training."""
    monkeypatch.setattr(device, "LOCKS", locks)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for name in ("SLURM_JOB_ID", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    if assigned_by:
        monkeypatch.setenv(assigned_by, "0")
    assert acquire_device("auto") == "cuda"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert len(os.listdir(locks)) == (assigned_by is None)


def test_a_gpu_that_pytorch_cannot_use_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], locks: Path
) -> None:
    monkeypatch.setattr(device, "LOCKS", locks)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert acquire_device("auto") == "cpu"
    assert "cannot use the GPU 3, so the CPU is" in capsys.readouterr().err
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert acquire_device("auto") == "cpu"
    assert capsys.readouterr().err == ""
