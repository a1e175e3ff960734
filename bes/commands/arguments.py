"""Flags that several subcommands have."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.errors import BesError
from bes.incremental.stage import Stage
from bes.options.flags import whole_number
from bes.project.shipped import DEFAULT_CONFIG

if TYPE_CHECKING:
    from bes.project.settings import Project


def add_folders(
    parser: argparse.ArgumentParser, always: Sequence[str], sometimes: Sequence[str] = ()
) -> None:
    """The folders of the dataset and of other stages."""
    for stage in ("dataset", *always, *sometimes):
        parser.add_argument(
            f"--{stage.replace('_', '-')}",
            type=Path,
            required=stage not in sometimes,
            metavar="DIR",
            help=f"folder of `bes {stage}`" + (", if it is read" if stage in sometimes else ""),
        )


def add_out(parser: argparse.ArgumentParser) -> None:
    """The folder to write to."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")


def add_network(parser: argparse.ArgumentParser) -> None:
    """A trained segmentation network."""
    parser.add_argument(
        "--network",
        type=Path,
        metavar="DIR",
        help="folder of `bes segmenter`, with the dataset beside it (default: the only "
        "results/*/*/segmenter)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The number of cores."""
    parser.add_argument(
        "--threads",
        type=whole_number(),
        default=os.cpu_count(),
        metavar="N",
        help="CPU cores to use (default: all)",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where networks run."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto takes a GPU where there is one (default: auto)",
    )


def add_log(parser: argparse.ArgumentParser) -> None:
    """The log of a rule."""
    parser.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="write what is said there, and leave the file as it is if there is nothing to do",
    )


def add_code(parser: argparse.ArgumentParser) -> None:
    """The digest of the code, which a rule knows already."""
    parser.add_argument(
        "--code",
        metavar="DIGEST",
        help="digest of the stage's code, if it is known already (default: computed)",
    )


def folders_of(args: argparse.Namespace, stage: Stage, options: Any) -> dict[str, Path]:
    """The folders of the stages that a stage reads; raises BesError if one was not given."""
    folders = {}
    for name in stage.parents(options):
        folder = getattr(args, name)
        if folder is not None:
            folders[name] = folder
        elif name not in stage.may_read + stage.reads_if_there:
            raise BesError(f"--{name}: found none, expected the folder of `bes {name}`")
    return folders


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """The configuration, and which of its experiments is meant; see `project_of`."""
    parser.add_argument(
        "--experiment", default="base", metavar="NAME", help="experiment (default: base)"
    )
    add_config(parser)


def project_of(args: argparse.Namespace) -> "Project":
    """The project of `add_experiment` or `add_config`.

    Raises BesError if it has no such experiment, or if none is named and the default was never run.
    """
    from bes.project.sections import BASE
    from bes.project.settings import read_project

    project = read_project(args.configfile, args.config)
    if "experiment" in args:
        check_experiment(args.experiment, project, given="--experiment")
    folder = project.folder(BASE, "dataset").parent
    if args.configfile == [DEFAULT_CONFIG] and not folder.exists():
        raise BesError(
            f"{folder}: found no such folder; without --configfile that is of {DEFAULT_CONFIG}: "
            "expected --configfile and --config as the run had them"
        )
    return project


def check_experiment(name: str, project: "Project", *, given: str) -> None:
    """Raises BesError if a project has no such experiment; `given` is where it was named."""
    if name not in project.experiments:
        raise BesError(f"{given}: found {name!r}, expected one of {', '.join(project.experiments)}")


def add_config(parser: argparse.ArgumentParser, *, only: str = "") -> None:
    """The configuration as Snakemake takes it; `only` names the action that may have one."""
    parser.add_argument(
        "--configfile",
        "--configfiles",
        type=Path,
        nargs="+",
        default=[] if only else [DEFAULT_CONFIG],
        metavar="FILE",
        help=f"{only}configuration, as given to snakemake"
        + ("" if only else f" (default: {DEFAULT_CONFIG})"),
    )
    parser.add_argument(
        "--config",
        "-C",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help=f"{only}keys that override it, as given to snakemake",
    )
