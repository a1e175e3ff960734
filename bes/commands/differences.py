"""The subcommand that shows where the labels of two experiments differ."""

import argparse
from pathlib import Path

from bes.commands.arguments import add_config, add_threads, check_experiment, project_of
from bes.options.flags import whole_number
from bes.storage.progress import heartbeat
from bes.storage.words import counted

STAGES = ("pseudo_labels", "predictions", "teacher_labels")
"""Stages that write labels."""


class DifferencesCommand:
    """Two experiments side by side."""

    summary = "show the photographs whose labels differ most between two experiments"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument("first", help="an experiment, such as base")
        parser.add_argument("second", help="another one")
        parser.add_argument("--stage", choices=STAGES, default=STAGES[0], help="whose labels")
        parser.add_argument(
            "--images",
            type=whole_number(1000),
            default=40,
            metavar="N",
            help="photographs on the sheet (default: 40)",
        )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="FILE",
            help="the sheet, a JPEG (default: <first>-<second>.jpg in this folder)",
        )
        add_threads(parser)
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.report.contact_sheet import encode_jpeg
        from bes.report.differences import LabelPair, draw_differences
        from bes.storage.files import write_atomic
        from bes.storage.pool import forked_map

        project = project_of(args)
        names = (args.first, args.second)
        for name in names:
            check_experiment(name, project, given="differences")
        datasets, folders = (
            [project.folder(name, stage) for name in names] for stage in ("dataset", args.stage)
        )
        pair = LabelPair(args.stage, folders, datasets)
        with heartbeat(f"comparing the labels of {args.first} and {args.second}"):
            shares = pair.shares(args.threads)
        changed = [(share, record) for share, record in shares if share]
        mean = sum(share for share, _ in shares) / len(shares)
        print(
            f"{len(changed)} of {counted(len(shares), 'label')} differ, in {100 * mean:.2f} % of "
            "the pixels on average"
        )
        if not changed:
            return
        out = args.out or Path("-".join(names) + ".jpg")
        with heartbeat(f"drawing {out}"):
            shown = list(forked_map(pair.draw, changed[: args.images], processes=args.threads))
            write_atomic(out, encode_jpeg(draw_differences(shown, names)))
        for one in shown[:5]:
            print(f"  {one.image}: {100 * one.share:.1f} %")
        print(f"the {counted(len(shown), 'photograph')} that differ most: {out}")
