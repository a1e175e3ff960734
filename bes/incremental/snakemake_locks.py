"""Runs of Snakemake in a folder: they start one by one, and a killed one leaves no lock."""

import fcntl
import functools
import shutil
import socket
import sys
from pathlib import Path
from typing import IO

from bes.storage.lock import NO_LOCKS


class Run:
    """A run of Snakemake, from the reading of its rules to the end of its process.

    Snakemake locks a folder by lists of paths in files that name no process: a run that is killed
    leaves them behind, and of two that start at once neither may see the other's. The kernel's
    locks here end with their process. `running` is shared by all that live: who gets it alone finds
    lists of the dead and removes them. `starting` lets one in at a time, until its lists are there.
    """

    alone = False
    """Whether no other run was under way in the folder when this one began."""

    def __init__(self, folder: Path):
        folder.mkdir(exist_ok=True)
        self.starting = open(folder / "bes.starting", "ab")  # noqa: SIM115
        self.running = open(folder / "bes.running", "ab+")  # noqa: SIM115
        try:
            if not _alone(self.starting):
                print("bes: waiting for another snakemake that starts here", file=sys.stderr)
                fcntl.flock(self.starting, fcntl.LOCK_EX)
            if _alone(self.running):
                self.alone = True
                self._remove_left(folder)
            fcntl.flock(self.running, fcntl.LOCK_SH)
        except OSError as error:
            # Without locks of the kernel's, Snakemake's are left to the user.
            if error.errno not in NO_LOCKS:
                raise

    def started(self) -> None:
        """Snakemake's own lock is in place."""
        self.starting.close()

    def _remove_left(self, folder: Path) -> None:
        left, host = list((folder / "locks").glob("*.lock")), socket.gethostname().encode()
        self.running.seek(0)
        last = self.running.read()
        # Some network file systems hide the locks of one machine from another.
        if left and last != host:
            return
        for lock in left:
            lock.unlink()
        # Copies of files that a killed run was about to update: Snakemake refuses to make others.
        shutil.rmtree(folder / "backups", ignore_errors=True)
        if last != host:
            self.running.truncate(0)
            self.running.write(host)
            self.running.flush()


@functools.cache
def run_in(folder: Path) -> Run:
    """The run that this process is, however often it reads the rules."""
    return Run(folder)


def _alone(file: IO[bytes]) -> bool:
    """Take a lock for oneself; False where another process has it, or a share of it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
