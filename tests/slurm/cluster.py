"""A real SLURM of one node with two pretended GPUs."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

MARK = "ClusterName=bes-test"
ETC = Path("/etc/slurm")
"""Not SLURM_CONF: the executor takes SLURM's variables out of the environment of its jobs."""

# More cores and memory than there may be (config_overrides): the profile asks for what real
# photographs need.
SLURM_CONF = """\
{mark}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
StateSaveLocation={state}/slurmctld
SlurmdSpoolDir={state}/slurmd
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmdParameters=config_overrides
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={state}/prolog.sh
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
GresTypes=gpu
ReturnToService=2
MinJobAge=3600
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=32 CoresPerSocket=32 RealMemory=128000 Gres=gpu:2
PartitionName=gpu Nodes={host}
PartitionName=cpu Nodes={host} Default=YES
"""
# Any two character devices pass for GPUs, as long as nobody computes on them.
GRES_CONF = "NodeName={host} Name=gpu Flags=nvidia_gpu_env File={state}/nvidia[0-1]\n"
CGROUP_CONF = "ConstrainCores=no\nConstrainDevices=no\nConstrainRAMSpace=no\n"
PROLOG = '#!/bin/sh\necho "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES:-none}}" >> {state}/visible\n'


class Slurm:
    """What the tests ask of the cluster."""

    def __init__(self, state: Path):
        self.state = state

    def jobs(self) -> list[dict[str, str]]:
        """The fields that `scontrol show job` prints of every job so far, and `rule`."""
        shown = _output("scontrol", "show", "job", "--details", "--oneliner")
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown.splitlines()]
        for job in jobs:
            job["rule"] = job.get("Comment", "").removeprefix("rule_").split("_wildcards")[0]
        return [job for job in jobs if job["rule"]]

    def worker(self, rule: str) -> tuple[str, psutil.Process] | None:
        """A running job of the rule and its process of `python -m bes`, once there is one."""
        jobs = {job["JobId"] for job in self.jobs() if job["rule"] == rule}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                job = process.environ().get("SLURM_JOB_ID", "")
                if job in jobs and process.cmdline()[1:3] == ["-m", "bes"]:
                    return job, process
        return None

    def cancel(self, number: str) -> None:
        """Cancel a job, of an array that one alone."""
        job = next(job for job in self.jobs() if job["JobId"] == number)
        task = job.get("ArrayTaskId")
        _output("scancel", f"{job['ArrayJobId']}_{task}" if task else number)

    def visible(self) -> dict[str, str]:
        """Job id -> CUDA_VISIBLE_DEVICES as its tasks saw it."""
        lines = (self.state / "visible").read_text().splitlines()
        return dict(line.split() for line in lines)


@contextmanager
def cluster(state: Path) -> Iterator[Slurm]:
    """Start the daemons, with their files in the empty folder `state`, and stop them again."""
    if os.geteuid() or not all(map(shutil.which, ("munged", "slurmctld", "slurmd"))):
        pytest.fail("needs root, slurm-wlm and munge: see `make test-slurm`")
    conf = ETC / "slurm.conf"
    if conf.exists() and not conf.read_text().startswith(MARK):
        pytest.fail(f"{conf} is there already: this machine belongs to a cluster")

    host = socket.gethostname().split(".")[0]
    for minor in range(2):
        os.mknod(state / f"nvidia{minor}", 0o20666, os.makedev(1, 3))
    texts = {
        conf: SLURM_CONF,
        ETC / "gres.conf": GRES_CONF,
        ETC / "cgroup.conf": CGROUP_CONF,
        state / "prolog.sh": PROLOG,
    }
    with ExitStack() as started:
        for path, text in texts.items():
            started.callback(path.unlink)
            path.write_text(text.format(mark=MARK, state=state, host=host))
        (state / "prolog.sh").chmod(0o755)
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            Path("/run/munge").mkdir(exist_ok=True)
            shutil.chown("/run/munge", "munge", "munge")
            _start(started, state, "munged", "--foreground", user="munge", group="munge")
            wait(lambda: not subprocess.run(["munge", "-n"], capture_output=True).returncode, 20)
        _start(started, state, "slurmctld", "-D", "-c")
        _start(started, state, "slurmd", "-D")
        wait(lambda: _output("sinfo", "--noheader", "--format=%T").startswith("idle"), 60)
        # Jobs would outlive slurmd.
        started.callback(_cancel_all)
        yield Slurm(state)


def wait(
    condition: Callable[[], Any], seconds: float, *, unless: Callable[[], Any] = lambda: None
) -> Any:
    """The first true value of `condition`; an error once `unless` gives anything but None."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end or unless() is not None:
            pytest.fail("waited in vain")
        time.sleep(0.2)
    return value


def _start(started: ExitStack, state: Path, *command: str, **options: Any) -> None:
    """Start a daemon that is stopped when `started` closes."""
    with open(state / f"{command[0]}.log", "wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, **options)
    started.callback(daemon.wait, 20)
    started.callback(daemon.terminate)


def _cancel_all() -> None:
    _output("scancel", "--user=root")
    wait(lambda: not _output("squeue", "--noheader"), 30)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout
