"""After a change and a kill at any moment, the same command ends as an undisturbed run does.

BES_KILLS=40 kills that often; a failure names its seed.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from bes.incremental.stage import per_image_stages

KILLS = int(os.environ.get("BES_KILLS", "3"))
LATEST = 8.0
"""Seconds after which a kill comes at the latest; all stages take about as long."""
FOLDERS = ("dataset", "classifier", "benet", *per_image_stages(), "evaluation", "quality", "report")


def kill(project: Any, run: subprocess.Popen, victim: str, chance: random.Random) -> None:
    """Kill all processes at once, Snakemake alone (its jobs go on), or one of its jobs."""
    if victim == "all":
        with suppress(ProcessLookupError):  # all was done before
            os.killpg(run.pid, signal.SIGKILL)
    elif victim == "snakemake":
        run.kill()
    else:
        for job in chance.sample(jobs := project.jobs(run), min(1, len(jobs))):
            with suppress(psutil.NoSuchProcess):
                job.kill()
    run.wait(300)


def label(project: Any) -> None:
    """A photograph shows another class: the networks and all that follows."""
    _, row, *rows = (project.path / "data/photographs/labels.csv").read_text().splitlines()
    project.table([f"{row.split(',')[0]},rings", *rows])


def mask(project: Any) -> None:
    """A mask goes: the scores."""
    project.mask(project.records[3].id).unlink()


def threshold(project: Any) -> None:
    """Another setting of the last stage."""
    project.configure({"pseudo_labels": {"threshold": 0.3}})


def boundary(project: Any) -> None:
    """Another setting in the midst."""
    project.configure({"boundary_labels": {"theta_fg": 0.7}})


def loss(project: Any) -> None:
    """Results are gone, which changes nothing in the end."""
    for stage in random.Random(0).sample(FOLDERS, 2):
        shutil.rmtree(project.folder(stage))


CHANGES: tuple[Callable[[Any], None], ...] = (label, mask, threshold, boundary, loss)


@pytest.fixture(scope="session")
def expected(
    finished: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[Any], None]], dict[str, bytes]]:
    """What an undisturbed run gives after a change."""
    known: dict[str, dict[str, bytes]] = {}

    def contents(change: Callable[[Any], None]) -> dict[str, bytes]:
        if change.__name__ not in known:
            project = finished.copy(tmp_path_factory.mktemp("undisturbed") / change.__name__)
            change(project)
            project.run()
            known[change.__name__] = project.contents()
        return known[change.__name__]

    return contents


@pytest.mark.parametrize("seed", range(KILLS))
def test_the_same_command_goes_on_after_a_kill(project: Any, expected: Any, seed: int) -> None:
    chance = random.Random(seed)
    change = CHANGES[seed % len(CHANGES)]
    change(project)
    victim = chance.choice(["all", "all", "snakemake", "job"])
    moment = chance.uniform(0, LATEST)
    run = project.start(*project.SNAKEMAKE)
    time.sleep(moment)
    ended = run.poll() is not None
    kill(project, run, victim, chance)
    print(f"seed {seed}: {change.__name__}, {victim} after {moment:.1f} s", "(done)" * ended)
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    assert project.contents() == expected(change)
    assert project.is_done()
