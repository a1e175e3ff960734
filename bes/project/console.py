"""Shows how far a run is: on a terminal by a line for each stage that moves, elsewhere by one line
after another."""

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.errors import BesError
from bes.project.progress import StageProgress, StartedRun, left_of_all, read_progress
from bes.project.settings import Project
from bes.storage.progress import clock
from bes.storage.words import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY = 2.0
"""Seconds between two looks at the files."""
HEARTBEAT = 6.0
"""Seconds between two lines where nothing else is said and there is no terminal."""
SILENT = 120.0
"""Seconds without a word of any job, after which that is said."""


class Display:
    """Shows how far a project is until it is told to stop; thread-safe."""

    def __init__(self, project: Project, run: StartedRun):
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._project, self._run = project, run
        self._began = time.time()
        self._states: dict[Path, str] = {}
        self._started: dict[Path, float] = {}
        self._said = 0.0
        self._end = threading.Event()
        self._live: Any = None
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        if self.console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self.console, auto_refresh=False, redirect_stderr=True)
            self._live.start()
        self.show(self.progress())
        self._thread.start()

    def stop(self, *, failed: bool = False) -> None:
        """Show the last state and end; of a run that failed, what it says is the last instead."""
        if not self._end.is_set():
            self._end.set()
            if self._thread.is_alive():
                self._thread.join()
            if not failed:
                self.show(self.progress())
            if self._live:
                self._live.transient = failed
                self._live.stop()

    def progress(self) -> list[StageProgress]:
        """How far the stages are."""
        return read_progress(self._project, since=self._run.started, stages=self._run.stages)

    def show(self, progress: list[StageProgress]) -> None:
        """The stages as they are now."""
        if self._live:
            self._live.update(self._table(progress), refresh=True)
        else:
            self._say_lines(progress)

    def _go_on(self) -> None:
        while not self._end.wait(EVERY):
            try:
                self.show(self.progress())
            # A file may be half there; what is shown is no reason to end a run.
            except (OSError, ValueError, BesError):
                continue

    def _name(self, each: StageProgress) -> str:
        several = len(self._project.experiments) > 1
        return f"{each.folder.parent.name}: {each.stage}" if several else each.stage

    def _table(self, progress: list[StageProgress]) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for _ in range(4):
            table.add_column(no_wrap=True)
        table.add_column()  # gives way where the terminal is narrow
        for each in progress:
            busy = each.state == "running" and not each.total
            bar = ProgressBar(100, 100 * each.share, width=16, pulse=busy, finished_style="green")
            style = {"waiting": "dim", "running": "bold", "done": ""}[each.state]
            table.add_row(
                Text(self._name(each), style), bar, count_of(each), time_of(each), each.note
            )
        return Group(table, Text(f"{clock(time.time() - self._began)} so far, {rest_of(progress)}"))

    def _say_lines(self, progress: list[StageProgress]) -> None:
        now, said = time.time(), False
        for each in progress:
            before = self._states.get(each.folder, "waiting")
            if each.state == before:
                continue
            self._states[each.folder] = each.state
            began = self._started.setdefault(each.folder, now)
            took = f" in {clock(now - began)}" if before == "running" else ""
            words = f"done{took}" if each.state == "done" else "started"
            self._say(each, f"{words}{f', {each.note}' if each.note else ''}")
            said = True
        if not said and now - self._said >= HEARTBEAT:
            running = [each for each in progress if each.state == "running"]
            for each in running:
                parts = [count_of(each), time_of(each), each.note]
                words = ", ".join(filter(None, parts)) or "at work"
                self._say(each, f"{words}; {rest_of(progress)}")
            if not running:
                self._write(f"{clock(now - self._began)} so far, {rest_of(progress)}")

    def _say(self, each: StageProgress, words: str) -> None:
        self._write(f"{self._name(each)}: {words}")

    def _write(self, line: str) -> None:
        self._said = time.time()
        print(line, file=sys.stderr, flush=True)


def count_of(each: StageProgress) -> str:
    """`12 of 40 photographs`."""
    return f"{each.done:.0f} of {each.total:.0f} {each.unit}".rstrip() if each.total else ""


def time_of(each: StageProgress) -> str:
    """How long a stage still takes."""
    if each.state == "done":
        return "done"
    return "" if each.left is None else f"{clock(each.left)} left"


def rest_of(progress: list[StageProgress]) -> str:
    """How long the whole run still takes."""
    left, known = left_of_all(progress)
    if not progress:
        return "at work"
    if all(each.state == "done" for each in progress):
        return "all done"
    seen = max(each.seen for each in progress)
    if seen and time.time() - seen > SILENT:
        return f"nothing was written for {clock(time.time() - seen)}"
    if not left:
        return f"{counted(sum(each.state != 'done' for each in progress), 'stage')} to do"
    return f"{'' if known else 'at least '}{clock(left)} left of the whole run"
