"""`bes <command>`: every stage of the workflow by hand, and looking after the results."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from bes.commands.command import Command
from bes.commands.stages import (
    DatasetCommand,
    EvaluationCommand,
    PerImageCommand,
    ReportCommand,
    SubmissionCommand,
    TrainingCommand,
)
from bes.commands.upkeep import (
    CleanCommand,
    SchemaCommand,
    ScoresCommand,
    StatusCommand,
    VerifyCommand,
    WhyCommand,
)
from bes.engine.per_image import PerImageStage
from bes.errors import BesError
from bes.stages.registry import STAGES


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 for bad input."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(argv).parse_args(argv)
        args.command.run(args)
    except BesError as error:
        print(f"bes: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or os.getcwd()
        print(
            f"bes: {where}: no space left on the device; free some and run again", file=sys.stderr
        )
        return 2
    return 0


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
        "report": ReportCommand(),
        "submission": SubmissionCommand(),
        "scores": ScoresCommand(),
        "status": StatusCommand(),
        "why": WhyCommand(),
        "verify": VerifyCommand(),
        "clean": CleanCommand(),
        "schema": SchemaCommand(),
    }
