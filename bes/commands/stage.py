"""The subcommand of a stage: its flags follow from the stage's declaration."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bes.commands.arguments import (
    add_code,
    add_device,
    add_folders,
    add_out,
    add_threads,
    folders_of,
)
from bes.data.manifest import shards_folder
from bes.errors import BesError
from bes.incremental.stage import PerImageStage, Stage, TrainingStage, WholeStage
from bes.options.flags import add_flags, options_from, whole_number


@dataclass
class StageCommand:
    """Runs a stage on the files of the stages before it."""

    stage: Stage

    @property
    def summary(self) -> str:
        """See `Command`."""
        return self.stage.summary

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        stage = self.stage
        parents = stage.possible_parents
        sometimes = stage.sometimes
        always = [name for name in parents if name not in sometimes]
        add_folders(parser, always, sometimes)
        add_out(parser)
        if isinstance(stage, PerImageStage):
            parser.add_argument(
                "--shard",
                action="append",
                metavar="NAME",
                help="shard to run, such as 003; may be repeated (default: all)",
            )
        add_threads(parser)
        if _on_device(stage):
            add_device(parser)
        if isinstance(stage, TrainingStage):
            parser.add_argument(
                "--gpus",
                type=whole_number(),
                default=1,
                metavar="N",
                help="devices to train on (default: 1)",
            )
            parser.add_argument(
                "--policy",
                choices=("auto", "frozen"),
                default="auto",
                help="frozen keeps a network when only photographs or labels changed "
                "(default: auto)",
            )
        add_code(parser)
        add_flags(parser, stage.options, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        stage = self.stage
        options = options_from(args, stage.options)
        read: dict[str, Any] = {
            "options": options,
            "dataset": args.dataset,
            "folders": folders_of(args, stage, options),
            "out": args.out,
            "threads": args.threads,
            "code": args.code,
        }
        if isinstance(stage, PerImageStage):
            from bes.incremental.per_image import run_per_image

            device = args.device if _on_device(stage) else "cpu"
            run_per_image(stage, **read, shards=_shards(stage, args), device=device)
        elif isinstance(stage, TrainingStage):
            from bes.training.run import run_training

            run_training(stage, **read, policy=args.policy, device=args.device, devices=args.gpus)
        else:
            from bes.incremental.whole import run_whole

            assert isinstance(stage, WholeStage)
            run_whole(stage, **read)


def _on_device(stage: Stage) -> bool:
    return isinstance(stage, TrainingStage) or getattr(stage, "on_device", False)


def _shards(stage: PerImageStage, args: argparse.Namespace) -> list[str]:
    folder: Path = shards_folder(args.dataset, held_out=stage.held_out)
    every = sorted(path.stem for path in folder.glob("*.csv"))
    if unknown := set(args.shard or ()).difference(every):
        raise BesError(
            f"--shard: found {min(unknown)!r}, expected one of the {len(every)} files of "
            f"{folder} without its .csv"
        )
    return args.shard or every
