"""The subcommand that writes labels as other trainers and annotation tools read them."""

import argparse
from pathlib import Path

from bes.commands.arguments import add_code, add_experiment, add_threads, project_of
from bes.data.review import REVIEW
from bes.options.flags import add_flags, options_from, whole_number
from bes.stages.export import FORMATS, TOOLS, ExportOptions, run_export

READ = ("dataset", "pseudo_labels", "quality")


class ExportCommand:
    """Photographs and pseudo labels -> a folder for a trainer, or for people to draw in."""

    summary = "write photographs and pseudo labels as trainers and annotation tools read them"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--format", choices=FORMATS + TOOLS, required=True, help="what is to read the export"
        )
        parser.add_argument(
            "--worst",
            type=whole_number(),
            metavar="N",
            help="only so many training photographs, the least trusted that nobody has mended, "
            "accepted or rejected yet (default: all)",
        )
        parser.add_argument(
            "--skip",
            action="store_true",
            help="where the format cannot take a name, say so and write no more than that",
        )
        for stage in READ:
            parser.add_argument(
                f"--{stage.replace('_', '-')}",
                type=Path,
                metavar="DIR",
                help=f"folder of `bes {stage}` (default: that of the configuration)",
            )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="folder to write to (default: export/FORMAT or export/FORMAT-worst beside the "
            "pseudo labels)",
        )
        add_threads(parser)
        add_code(parser)
        add_experiment(parser)
        add_flags(parser, ExportOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        folders = {stage: getattr(args, stage) for stage in READ}
        needed = ("dataset", "pseudo_labels") if args.worst is None else READ
        review = REVIEW
        if any(folders[stage] is None for stage in needed):
            project = project_of(args)
            review = project.experiments[args.experiment].options["dataset"].review or REVIEW
            folders |= {
                stage: project.folder(args.experiment, stage)
                for stage in needed
                if folders[stage] is None
            }
        name = args.format if args.worst is None else f"{args.format}-worst"
        run_export(
            options_from(args, ExportOptions),
            format=args.format,
            dataset=folders["dataset"],
            pseudo_labels=folders["pseudo_labels"],
            quality=folders["quality"],
            worst=args.worst,
            review=review,
            out=args.out or folders["pseudo_labels"].parent / "export" / name,
            threads=args.threads,
            skip=args.skip,
            code=args.code,
        )
