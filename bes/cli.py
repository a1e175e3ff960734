"""`bes <command>`: every stage of the workflow by hand, and looking after the results."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bes import __version__
from bes.commands.arguments import add_log
from bes.commands.command import Command
from bes.commands.stage import StageCommand
from bes.errors import BesError
from bes.incremental.stage import all_stages, stage_of
from bes.storage.interrupts import on_interrupt
from bes.storage.layout import STORE
from bes.storage.log import begin_log, log_to
from bes.storage.os_errors import refusal

STAGES = Path(__file__).parent / "stages"
"""The modules of the stages, whose names are commands."""

COMMANDS = {
    "init": "init:InitCommand",
    "run": "run:RunCommand",
    "dataset": "dataset:DatasetCommand",
    "export": "export:ExportCommand",
    "import": "exchange:ImportCommand",
    "comparison": "comparison:ComparisonCommand",
    "differences": "differences:DifferencesCommand",
    "predict": "predict:PredictCommand",
    "export_network": "predict:ExportNetworkCommand",
    "review": "review:ReviewCommand",
    "scores": "upkeep:ScoresCommand",
    "watch": "watch:WatchCommand",
    "status": "upkeep:StatusCommand",
    "why": "upkeep:WhyCommand",
    "verify": "upkeep:VerifyCommand",
    "clean": "upkeep:CleanCommand",
    "schema": "upkeep:SchemaCommand",
}
"""Commands that do not follow from the declaration of a stage, and where they are."""

BY_HAND = (
    *("init", "run", "watch", "review", "import", "predict", "status", "why", "verify", "scores"),
    *("differences", "clean", "export_network", "schema"),
)
"""Commands that a person types, the everyday ones first; the others are those of rules."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 for what the user can mend."""
    argv = list(sys.argv[1:] if argv is None else argv)
    on_interrupt(_interrupt)
    try:
        if store := os.environ.pop(STORE, None):
            # No other job waits for what this imports.
            from bes.commands.carried import run_carried

            return run_carried(argv, Path(store), main)
        # All that follows `run` is Snakemake's.
        own = 1 if argv[:1] == ["run"] else len(argv)
        args = _parser(argv).parse_args(argv[:own])
        args.rest = argv[own:]
        log_to(getattr(args, "log", None))
        args.command.run(args)
        sys.stdout.flush()
    except BesError as error:
        return _end(2, str(error))
    except BrokenPipeError:  # the reader of `bes status | head` has seen enough
        return _end(128 + signal.SIGPIPE, None)
    except OSError as error:
        if (sentence := refusal(error)) is None:
            begin_log()
            raise
        return _end(2, sentence)
    except Exception:
        # The traceback belongs into the log too.
        begin_log()
        raise
    return 0


def _end(status: int, sentence: str | None) -> int:
    """Say why, if that is still possible: the log may lie on the disk that is full."""
    try:
        begin_log()
        if sentence:
            print(f"bes: {sentence}", file=sys.stderr, flush=True)
        sys.stdout.flush()
    except OSError:
        # What is left in the buffers would be tried again, and fail, at the end of the process.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
    return status


def _interrupt(*_: object) -> None:
    """End at once: as safe as a kill, and Python's own exception may be lost in an import."""
    _end(128 + signal.SIGINT, "interrupted; the same command goes on")
    os._exit(128 + signal.SIGINT)


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    chosen = next((word for word in argv if not word.startswith("-")), "")
    parser = argparse.ArgumentParser(
        prog="bes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"bes-segmentation {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", help="one of those below")
    # The chosen command alone: a job with nothing to do should end at once.
    if not _is_command(chosen):
        groups = {
            "everyday commands": BY_HAND,
            "the stages of the workflow, by hand, upstream first": tuple(all_stages()),
        }
        parser.epilog = "\n\n".join(_listed(*group) for group in groups.items())
        for name in (name for names in groups.values() for name in names):
            subparsers.add_parser(name)
        return parser
    command = _command(chosen)
    subparser = subparsers.add_parser(chosen, description=command.summary)
    command.configure(subparser, documented=not {"-h", "--help"}.isdisjoint(argv))
    if chosen not in BY_HAND:
        add_log(subparser)
    subparser.set_defaults(command=command)
    return parser


def _listed(heading: str, names: Sequence[str]) -> str:
    """A part of the help: commands with what they do."""
    return "\n".join([f"{heading}:", *(f"    {n:<22}{_command(n).summary}" for n in names)])


def _is_command(word: str) -> bool:
    return word in COMMANDS or (STAGES / f"{word}.py").is_file()


def _command(name: str) -> Command:
    if name not in COMMANDS:
        return StageCommand(stage_of(name))
    module, _, command = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(f"bes.commands.{module}"), command)()
