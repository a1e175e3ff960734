"""Has a run of Snakemake show itself by `Display`, in place of what it says of its jobs."""

import logging
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from bes.project.console import Display
from bes.project.outcome import exports, outcome, words_of
from bes.project.progress import StartedRun
from bes.project.reviewed import not_taken
from bes.project.sections import BASE
from bes.project.settings import Project

QUIET = (
    *("run_info", "job_info", "job_started", "job_finished", "group_info", "shellcmd", "progress"),
    *("resources_info", "workflow_started"),
)
"""Events of Snakemake that the display shows in its own way; its log file has them."""
CHATTER = ("Using shell", "Conda env", "Singularity", "Building DAG", "Assuming", "Select jobs")
"""How other things begin that it says of itself."""
AT_THE_END = ("Complete log", "Elapsed time")
"""The same at the end of a run, of use where that failed."""
NOTHING = "Nothing to be done"
STOPPED = "Terminating processes on user request"
"""How it begins what it says of Ctrl-C; all that follows are errors of the jobs that this ended."""


def wanted(settings: Any) -> bool:
    """Whether a call of Snakemake, by its settings of what it says, leaves that to the display:
    with `--verbose` it says all that it has to, such as the reason of each job."""
    return not (settings.verbose or settings.printshellcmds or settings.debug_dag or settings.quiet)


class RunConsole(logging.Handler):
    """Takes the place of what Snakemake says of its jobs on the terminal; its errors and warnings
    stay, and so does its log file."""

    def __init__(
        self,
        logger: logging.Logger,
        project: Project,
        arguments: Sequence[str],
        *,
        shown: bool,
        targets: Collection[str] = (),
    ):
        """`targets` are what is asked for; nothing: all."""
        super().__init__()
        self._targets = set(targets) or {"all"}
        self._project, self._words = project, words_of(arguments)
        self._run: StartedRun | None = None
        self._stages: tuple[str, ...] | None = None
        self._display: Display | None = None
        self._stream: Any = None
        self._stopped = False
        # Of a logger plugin that the user asks for there is none.
        handlers = (each for each in logger.handlers if each.name == "DefaultStreamHandler")
        self._handler: Any = next(handlers, None) if shown else None
        if self._handler is not None:
            self._handler.addFilter(self._is_said)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """What Snakemake is about to run; where that is nothing, what there is; that it stops."""
        if (stats := getattr(record, "stats", None)) is not None:
            self._stages = tuple(stats)
        elif self._handler is not None and str(record.msg).startswith(NOTHING):
            self._tell()
        elif self._handler is not None and str(record.msg).startswith(STOPPED):
            self._stopped = True
            print("bes: stopped; the same command goes on from here", file=sys.stderr, flush=True)

    def start(self) -> None:
        """The run begins."""
        import atexit

        # A second, as the clock of a file system may be another.
        self._run = StartedRun(time.time() - 1.0, self._stages)
        self._run.write(self._project)
        if self._handler is None:
            return
        self._display = display = Display(self._project, self._run)
        display.start()
        # Where Snakemake ends without a word, the terminal is still to be as it was.
        atexit.register(display.stop)
        if display.console.is_terminal:
            # What Snakemake says goes above the lines that move.
            self._stream = self._handler.setStream(sys.stderr)

    def finish(self, *, success: bool) -> None:
        """The run has ended."""
        if self._run is not None:
            self._run = replace(self._run, success=success)
            self._run.write(self._project)
        if self._display is None:
            return
        self._display.stop(failed=not success)
        if self._display.console.is_terminal:
            self._handler.setStream(self._stream)
        if success:
            self._tell()

    def _tell(self) -> None:
        lines = outcome(self._project, self._words) if "all" in self._targets else []
        lines += exports(self._project) if "export" in self._targets else []
        lines += not_taken(self._project.experiments[BASE].options["dataset"])
        for line in lines:
            print(line, file=sys.stderr, flush=True)

    def _is_said(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake says something on the terminal itself."""
        if self._stopped or str(record.msg).startswith(STOPPED):
            return False
        event = getattr(record, "event", None)
        if event is not None:
            return str(event) not in QUIET
        chatter = CHATTER + (AT_THE_END if self._run and self._run.success else ())
        return record.levelno > logging.INFO or not str(record.msg).startswith(chatter)
