"""The subcommand that sets experiments side by side."""

import argparse
import json
from pathlib import Path

from bes.commands.arguments import add_code, add_config
from bes.errors import BesError
from bes.report.comparison import Comparison, comparison_from
from bes.stages.comparison import run_comparison


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
            from bes.project.settings import read_project

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
