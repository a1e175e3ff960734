"""The subcommand that reads a dataset."""

import argparse
from pathlib import Path

from bes.commands.arguments import add_config, add_threads
from bes.data.manifest import MAX_SHARDS
from bes.errors import BesError
from bes.incremental.outside import check_contents
from bes.options.flags import add_flags, flags_of, options_from, whole_number
from bes.project.shipped import DEFAULT_CONFIG
from bes.stages.dataset import check_dataset, run_dataset
from bes.stages.shared.dataset_kinds import DatasetOptions


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
        configured, outside = args.configfile or args.config, []
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
            from bes.project.sections import BASE
            from bes.project.settings import outside_stages, read_project

            project = read_project(args.configfile or [DEFAULT_CONFIG], args.config)
            options = project.experiments[BASE].options["dataset"]
            outside = list(outside_stages(project))
        catalog, records = check_dataset(options, threads=args.threads)
        for stage, chosen in outside:
            check_contents(stage, chosen, catalog, records, threads=args.threads)
