"""After a kill at any moment, the same command ends with the bytes of an undisturbed run.

BES_KILLS=40 kills that often; a failure names its seed.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

from bes.data.layout import TRAIN_STAGES

KILLS = int(os.environ.get("BES_KILLS", "3"))
LATEST = 15.0
"""Seconds after which a kill comes at the latest; making one stage anew takes about as long."""
FOLDERS = ("dataset", "classifier", "benet", *TRAIN_STAGES, "evaluation", "quality", "report")


def jobs_of(run: subprocess.Popen) -> list[psutil.Process]:
    """The processes of `python -m bes` that a run has started."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(run.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if child.cmdline()[1:3] == ["-m", "bes"]:
                    found.append(child)
    return found


def kill(run: subprocess.Popen, victim: str, chance: random.Random) -> None:
    """Kill all processes at once, Snakemake alone (its jobs go on), or one of its jobs."""
    if victim == "all":
        with suppress(ProcessLookupError):  # all was done before
            os.killpg(run.pid, signal.SIGKILL)
    elif victim == "snakemake":
        run.kill()
    else:
        for job in chance.sample(jobs := jobs_of(run), min(1, len(jobs))):
            with suppress(psutil.NoSuchProcess):
                job.kill()
    run.wait(300)


@pytest.mark.parametrize("seed", range(KILLS))
def test_the_same_command_goes_on_after_a_kill(project: Any, seed: int) -> None:
    chance = random.Random(seed)
    expected = project.contents()
    # All that is computed in a run, or a stage or two in the midst of it.
    for stage in chance.sample(FOLDERS, chance.choice([1, 1, 2, len(FOLDERS)])):
        shutil.rmtree(project.folder(stage))
    victim = chance.choice(["all", "snakemake", "job"])
    moment = chance.uniform(0, LATEST)
    run = project.start(*project.SNAKEMAKE)
    time.sleep(moment)
    ended = run.poll() is not None
    kill(run, victim, chance)
    print(f"seed {seed}: {victim} after {moment:.1f} s{', when all was done' * ended}")
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    assert project.contents() == expected
    assert project.is_done()
