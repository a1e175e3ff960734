"""The subcommands that regenerate the paper's tables and figures."""

import argparse
import json
from pathlib import Path

from bes.commands.arguments import (
    add_code,
    add_config,
    add_folders,
    add_out,
    add_threads,
    folders_of,
)
from bes.comparisons import Comparison, comparison_from
from bes.engine.flags import add_flags, options_from
from bes.errors import BesError
from bes.stages.boundary_counts import COMPARED
from bes.stages.boundary_scores import BoundaryScoreOptions, run_boundary_scores
from bes.stages.comparison import run_comparison
from bes.stages.tables import run_tables


class BoundaryScoresCommand:
    """Boundaries against those of the masks."""

    summary = "score boundary maps, and the boundaries of CAMs and pseudo labels, against masks"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, COMPARED)
        add_out(parser)
        add_threads(parser)
        add_code(parser)
        add_flags(parser, BoundaryScoreOptions, documented=documented)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_boundary_scores(
            options_from(args, BoundaryScoreOptions),
            dataset=args.dataset,
            folders=folders_of(args, COMPARED),
            out=args.out,
            threads=args.threads,
            code=args.code,
        )


class ComparisonCommand:
    """Experiments side by side."""

    summary = "set the scores of experiments side by side, with mean and SD over the seeds"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "name",
            nargs="?",
            help="comparison or sweep of the configuration; none with --plan",
        )
        parser.add_argument(
            "--plan",
            type=Path,
            metavar="FILE",
            help="what to compare, as the workflow writes it, in place of a configuration",
        )
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="folder to write to (default: the workflow's)"
        )
        add_code(parser)
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        if args.plan:
            comparison, evaluations = _read_plan(args.plan)
            out = args.out or args.plan.parent
        else:
            from bes.settings import read_project

            project = read_project(args.configfile, args.config)
            if args.name not in project.comparisons:
                raise BesError(
                    f"comparison: found {args.name or 'no name'!r}, expected "
                    + (
                        f"one of {', '.join(project.comparisons)}"
                        if project.comparisons
                        else "a configuration with sweeps or comparisons"
                    )
                )
            comparison = project.comparisons[args.name]
            evaluations = project.evaluations(args.name)
            out = args.out or project.comparison_folder(args.name)
        run_comparison(comparison, evaluations=evaluations, out=out, code=args.code)


def _read_plan(path: Path) -> tuple[Comparison, dict[str, Path]]:
    """The comparison, and the folder of each experiment's evaluation."""
    try:
        plan = json.loads(path.read_bytes())
        comparison = comparison_from(plan["comparison"])
        folders = plan["evaluations"]
        return comparison, {name: Path(folders[name]) for name in comparison.experiments}
    except FileNotFoundError:
        raise BesError(f"--plan: found no file {path}, expected one of the workflow") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BesError(f"{path}: not a plan written by the workflow ({error})") from None


class TablesCommand:
    """This run under the published rows."""

    summary = "write IoU per class, and mIoU, under the rows that the paper prints"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_folders(parser, ("evaluation",))
        add_out(parser)
        parser.add_argument(
            "--title", default="this run", help="what its rows are called (default: this run)"
        )
        add_code(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        run_tables(
            dataset=args.dataset,
            evaluation=args.evaluation,
            out=args.out,
            title=args.title,
            code=args.code,
        )
