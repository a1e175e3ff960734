"""The subcommand that writes labels as other trainers read them."""

import argparse

from bes.commands.arguments import add_code, add_folders, add_out, add_threads
from bes.options.flags import add_flags, options_from
from bes.stages.export import FORMATS, ExportOptions, run_export


class ExportCommand:
    """Photographs and pseudo labels -> a folder for a trainer."""

    summary = "write photographs, pseudo labels and lists as other trainers read them"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--format", choices=FORMATS, required=True, help="what is to read the export"
        )
        parser.add_argument(
            "--skip",
            action="store_true",
            help="where the format cannot take a name, say so and write no more than that",
        )
        add_folders(parser, ["pseudo_labels"])
        add_out(parser)
        add_threads(parser)
        add_code(parser)
        add_flags(parser, ExportOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_export(
            options_from(args, ExportOptions),
            format=args.format,
            dataset=args.dataset,
            pseudo_labels=args.pseudo_labels,
            out=args.out,
            threads=args.threads,
            skip=args.skip,
            code=args.code,
        )
