"""Two jobs of one machine do not share a GPU. The GPUs are names in a list here."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bes.engine.device import _visible_devices, acquire_device
from bes.errors import BesError

JOB = """
import sys
from bes.engine.device import _lease, _visible_devices
print(*_lease(_visible_devices(), int(sys.argv[1])), flush=True)
sys.stdin.read()
"""

Job = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Starts a job that leases GPUs of the two there are and holds them until its input ends."""
    jobs: list[Job] = []
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "3,GPU-5", "TMPDIR": str(tmp_path)}

    def start(count: int = 1) -> Job:
        jobs.append(
            subprocess.Popen(
                [sys.executable, "-c", JOB, str(count)],
                env=environment,
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


@pytest.mark.parametrize(("listed", "names"), [("", []), ("-1", []), ("1,0", ["1", "0"])])
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
