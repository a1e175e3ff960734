"""The subcommands that look after results."""

import argparse
from pathlib import Path

from bes.commands.arguments import add_config, add_experiment, project_of
from bes.report.scores import print_scores
from bes.storage.progress import heartbeat
from bes.storage.words import counted


class ScoresCommand:
    """The table of scores again."""

    summary = "print the scores of an evaluation"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "evaluation",
            type=Path,
            nargs="?",
            metavar="DIR",
            help="folder of `bes evaluation` (default: that of the configuration)",
        )
        add_experiment(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        folder = args.evaluation or project_of(args).folder(args.experiment, "evaluation")
        print_scores(folder)


class SchemaCommand:
    """The keys of the configuration."""

    summary = "print the JSON Schema of the configuration, as YAML"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--markdown", action="store_true", help="print the tables of config/README.md instead"
        )

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        import yaml

        from bes.project.schema import json_schema, markdown_tables

        if args.markdown:
            print(markdown_tables(), end="")
        else:
            print(yaml.safe_dump(json_schema(documented=True), sort_keys=False, width=100), end="")


class StatusCommand:
    """How far the stages are."""

    summary = "print per stage how many images are done, stale and missing, and why"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.project.status import print_status

        print_status(project_of(args))


class WhyCommand:
    """What would be recomputed of one image."""

    summary = "print what would be computed anew of an image, and because of which input"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument("image", help="the image, with or without folder and ending")
        add_experiment(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.project.status import print_why

        print_why(project_of(args), args.experiment, args.image)


class VerifyCommand:
    """Every file against its digest."""

    summary = "read every file, and have damaged ones computed anew by the next run"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.project.upkeep import verify

        project = project_of(args)
        with heartbeat("reading every file of the results and the dataset"):
            problems = verify(project)
        for problem in problems:
            print(problem)
        print(counted(len(problems), "damaged, missing or changed file"))
        if problems:
            raise SystemExit(1)


class CleanCommand:
    """Files that nothing needs."""

    summary = "remove the files of images that are no longer in the dataset"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument("--dry-run", action="store_true", help="print them, remove nothing")
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.project.upkeep import clean

        removed = clean(project_of(args), dry_run=args.dry_run)
        for path in removed:
            print(path)
        print(f"{counted(len(removed), 'file')} {'to remove' if args.dry_run else 'removed'}")
