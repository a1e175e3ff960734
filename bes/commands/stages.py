"""The subcommands that run a stage."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from bes.commands.arguments import (
    DEFAULT_CONFIG,
    add_code,
    add_config,
    add_device,
    add_folders,
    add_out,
    add_threads,
    folders_of,
)
from bes.data.manifest import MAX_SHARDS, shards_folder
from bes.engine.flags import add_flags, flags_of, options_from, whole_number
from bes.engine.per_image import PerImageStage, run_per_image
from bes.engine.run_training import TrainingStage, run_training
from bes.errors import BesError
from bes.stages import report
from bes.stages.dataset import check_dataset, run_dataset
from bes.stages.dataset_kinds import DatasetOptions
from bes.stages.evaluation import SOURCES, EvaluationOptions, run_evaluation
from bes.stages.quality import READS, QualityOptions, run_quality
from bes.stages.submission import run_submission


def _summary_of(function: object) -> str:
    module = sys.modules[function.__module__]
    return (module.__doc__ or "").partition(": ")[2].strip().rstrip(".")


class DatasetCommand:
    """Photographs, labels and masks -> manifest."""

    summary = "read photographs and labels, check them all, and write the manifest"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "action",
            nargs="?",
            choices=("check",),
            help="read everything, write nothing, and print a longer summary",
        )
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="folder to write to; not of `check`"
        )
        parser.add_argument(
            "--shards",
            type=whole_number(MAX_SHARDS),
            default=8,
            metavar="N",
            help="parts that the per-image stages are divided into (default: 8)",
        )
        add_config(parser, only="of `check`: ")
        add_threads(parser)
        add_flags(parser, DatasetOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        options = options_from(args, DatasetOptions)
        configured = args.configfile or args.config
        if args.action != "check":
            if configured:
                raise BesError("--configfile, --config: expected with `bes dataset check` alone")
            if args.out is None:
                raise BesError("--out: found none, expected the folder to write to")
            run_dataset(options, out=args.out, shards=args.shards, threads=args.threads)
            return
        if configured:
            if given := flags_of(options):
                raise BesError(f"found {given} beside a configuration, expected one of the two")
            from bes.sections import BASE
            from bes.settings import read_project

            project = read_project(args.configfile or [DEFAULT_CONFIG], args.config)
            options = project.experiments[BASE].options["dataset"]
        check_dataset(options, threads=args.threads)


@dataclass
class PerImageCommand:
    """A per-image stage over some or all shards."""

    stage: PerImageStage

    @property
    def summary(self) -> str:
        """The first line of the stage's module."""
        return _summary_of(self.stage.prepare)

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, self.stage.sources)
        for network in self.stage.networks:
            parser.add_argument(
                f"--{network}",
                type=Path,
                metavar="DIR",
                help=f"folder of `bes {network}`, with `--network {network}`",
            )
        add_out(parser)
        parser.add_argument(
            "--shard",
            action="append",
            metavar="NAME",
            help="shard to run, such as 003; may be repeated (default: all)",
        )
        add_threads(parser)
        if self.stage.on_device:
            add_device(parser)
        add_code(parser)
        add_flags(parser, self.stage.options, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        shards = shards_folder(args.dataset, held_out=self.stage.held_out)
        every = sorted(path.stem for path in shards.glob("*.csv"))
        if unknown := set(args.shard or ()).difference(every):
            raise BesError(
                f"--shard: found {min(unknown)!r}, expected one of the {len(every)} files of "
                f"{shards} without its .csv"
            )
        options = options_from(args, self.stage.options)
        folders = folders_of(args, self.stage.sources_of(options))
        network = self.stage.model_of(options)
        if network and folders[network] is None:
            raise BesError(
                f"--{network}: found none, expected the folder of `bes {network}`, as --network "
                f"is {network}"
            )
        run_per_image(
            self.stage,
            options=options,
            dataset=args.dataset,
            folders=folders,
            out=args.out,
            shards=args.shard or every,
            threads=args.threads,
            device=args.device if self.stage.on_device else "cpu",
            code=args.code,
        )


@dataclass
class TrainingCommand:
    """A training stage."""

    stage: TrainingStage

    @property
    def summary(self) -> str:
        """The first line of the stage's module."""
        return _summary_of(self.stage.fit)

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, self.stage.sources)
        add_out(parser)
        add_threads(parser)
        add_device(parser)
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
            help="frozen keeps a network when only photographs or labels changed (default: auto)",
        )
        add_code(parser)
        add_flags(parser, self.stage.options, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_training(
            self.stage,
            options=options_from(args, self.stage.options),
            dataset=args.dataset,
            folders=folders_of(args, self.stage.sources),
            out=args.out,
            policy=args.policy,
            device=args.device,
            devices=args.gpus,
            threads=args.threads,
            code=args.code,
        )


class EvaluationCommand:
    """Maps and labels against masks."""

    summary = "score CAMs, revised maps and pseudo labels against masks"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, SOURCES)
        parser.add_argument(
            "--predictions", type=Path, metavar="DIR", help="folder of `bes predictions`, if any"
        )
        add_out(parser)
        add_threads(parser)
        add_code(parser)
        add_flags(parser, EvaluationOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_evaluation(
            options_from(args, EvaluationOptions),
            dataset=args.dataset,
            folders=folders_of(args, SOURCES)
            | ({"predictions": args.predictions} if args.predictions else {}),
            out=args.out,
            threads=args.threads,
            code=args.code,
        )


class SubmissionCommand:
    """Predictions -> archive for the VOC server."""

    summary = _summary_of(run_submission)

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, ["predictions"])
        add_out(parser)
        add_code(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_submission(
            dataset=args.dataset, predictions=args.predictions, out=args.out, code=args.code
        )


class QualityCommand:
    """Maps and labels against each other."""

    summary = "rank the pseudo labels by how far they can be trusted, without masks"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, READS)
        add_out(parser)
        add_threads(parser)
        add_code(parser)
        add_flags(parser, QualityOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_quality(
            options_from(args, QualityOptions),
            dataset=args.dataset,
            folders=folders_of(args, READS),
            out=args.out,
            threads=args.threads,
            code=args.code,
        )


class ReportCommand:
    """Everything -> a page."""

    summary = "write the page with scores, curves and pictures"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, report.SOURCES)
        for source in report.OPTIONAL:
            parser.add_argument(
                f"--{source.replace('_', '-')}",
                type=Path,
                metavar="DIR",
                help=f"folder of `bes {source}`, if any",
            )
        add_out(parser)
        parser.add_argument("--title", default="BES", help="heading of the page (default: BES)")
        add_threads(parser)
        add_code(parser)
        add_flags(parser, report.ReportOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        report.make_report(
            options_from(args, report.ReportOptions),
            dataset=args.dataset,
            folders=folders_of(args, report.SOURCES)
            | {name: folder for name in report.OPTIONAL if (folder := getattr(args, name))},
            out=args.out,
            title=args.title,
            threads=args.threads,
            code=args.code,
        )
