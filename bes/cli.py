"""`bes <command>`: every stage of the workflow by hand, and looking after the results."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from bes.commands.arguments import add_log
from bes.commands.command import Command
from bes.commands.export import ExportCommand
from bes.commands.stages import (
    DatasetCommand,
    EvaluationCommand,
    PerImageCommand,
    QualityCommand,
    ReportCommand,
    SubmissionCommand,
    TrainingCommand,
)
from bes.commands.studies import BoundaryScoresCommand, ComparisonCommand, TablesCommand
from bes.commands.upkeep import (
    CleanCommand,
    SchemaCommand,
    ScoresCommand,
    StatusCommand,
    VerifyCommand,
    WhyCommand,
)
from bes.engine.log import begin_log, log_to
from bes.engine.os_errors import refusal
from bes.engine.per_image import PerImageStage
from bes.errors import BesError
from bes.stages.registry import STAGES

UPKEEP = ("scores", "status", "why", "verify", "clean", "schema")
"""Commands that a person types; the others are those of rules."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 for what the user can mend."""
    argv = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        args = _parser(argv).parse_args(argv)
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
    parser = argparse.ArgumentParser(prog="bes", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    documented = not {"-h", "--help"}.isdisjoint(argv)
    for name, command in _commands().items():
        subparser = subparsers.add_parser(name, help=command.summary, description=command.summary)
        # The flags of the chosen command alone: a job with nothing to do should end at once.
        if name == chosen:
            command.configure(subparser, documented=documented)
            if name not in UPKEEP:
                add_log(subparser)
            subparser.set_defaults(command=command)
    return parser


def _commands() -> dict[str, Command]:
    stages: dict[str, Command] = {
        name: PerImageCommand(stage) if isinstance(stage, PerImageStage) else TrainingCommand(stage)
        for name, stage in STAGES.items()
    }
    return {
        "dataset": DatasetCommand(),
        **stages,
        "evaluation": EvaluationCommand(),
        "quality": QualityCommand(),
        "report": ReportCommand(),
        "boundary_scores": BoundaryScoresCommand(),
        "comparison": ComparisonCommand(),
        "tables": TablesCommand(),
        "submission": SubmissionCommand(),
        "export": ExportCommand(),
        "scores": ScoresCommand(),
        "status": StatusCommand(),
        "why": WhyCommand(),
        "verify": VerifyCommand(),
        "clean": CleanCommand(),
        "schema": SchemaCommand(),
    }
