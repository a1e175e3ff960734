"""The subcommand with which a person goes through the pseudo labels."""

import argparse
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.commands.arguments import DEFAULT_CONFIG, add_experiment, project_of
from bes.data.corrections import CORRECTIONS
from bes.data.review import REVIEW
from bes.errors import BesError
from bes.options.flags import whole_number
from bes.project.sections import BASE
from bes.storage.words import counted

if TYPE_CHECKING:
    from bes.data.manifest import ImageRecord
    from bes.project.settings import Project
    from bes.review.desk import Desk
    from bes.review.photograph import Photograph


class ReviewCommand:
    """Accept, reject and mend pseudo labels in a browser."""

    summary = "look through the pseudo labels in a browser, accept, reject and mend them"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--no-browser", action="store_true", help="print the address and open no browser"
        )
        parser.add_argument(
            "--port",
            type=whole_number(65535),
            default=0,
            metavar="N",
            help="port of the page, such as for a tunnel (default: a free one)",
        )
        add_experiment(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.storage.pool import limit_threads

        project = project_of(args)
        limit_threads(1)
        try:
            desk = open_desk(project, args.experiment)
        except BesError as error:
            if args.configfile != [DEFAULT_CONFIG]:
                raise
            raise BesError(
                f"{error}; without --configfile that is of {DEFAULT_CONFIG}: expected --configfile "
                "and --config as the run had them"
            ) from None

        def closing() -> dict[str, Any]:
            keys, then = go_on(project, args.configfile, args.config)
            return {"counts": desk.counts(), "keys": keys, "command": then}

        from bes.review.desk import EARLIER
        from bes.review.server import ReviewServer

        with ReviewServer(desk, port=args.port, closing=closing) as server:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: server.stop())
            print(
                f"{counted(len(desk.records), 'photograph')}, the least trusted first: {server.url}"
            )
            if again := desk.counts()[EARLIER]:
                print(f"{again} {EARLIER}: to be looked at again")
            print("Ctrl-C ends the review", flush=True)
            if not args.no_browser:
                import webbrowser

                webbrowser.open(server.url)
            server.serve_forever(poll_interval=0.1)
        counts = desk.counts()
        said = ", ".join(f"{counts[name]} {name}" for name in counts) or "no verdict"
        print(f"\n{said}, of {len(desk.records)}; in {desk.catalog.root / desk.places.review}")
        print_go_on(project, args)


def open_desk(project: "Project", experiment: str) -> "Desk":
    """The desk for the pseudo labels of an experiment; raises BesError where there are none."""
    from bes.data.images import read_bytes
    from bes.data.manifest import read_catalog, read_manifest
    from bes.data.ranking import read_ranking
    from bes.incremental.stage import Sources, image_file
    from bes.method.dense_crf import load_inference
    from bes.review.desk import Desk, Places
    from bes.review.photograph import Photograph
    from bes.review.solved import maps_of
    from bes.stages.pseudo_labels import prepare
    from bes.stages.shared.walk_labels import crf_settings
    from bes.storage.files import digest_bytes, digest_file

    options = project.experiments[experiment].options
    names = ("dataset", "boundary_maps", "revised_maps", "pseudo_labels", "quality")
    folders = {name: project.folder(experiment, name) for name in names}
    # What else its labels are made from.
    folders |= project.read_by("pseudo_labels", experiment)
    catalog = read_catalog(folders["dataset"] / "classes.json")
    sources = Sources(catalog, folders, "cpu")

    records = read_manifest(folders["dataset"] / "images.csv")
    compute = prepare(options["pseudo_labels"], sources)
    # The compiled code of the dense CRF, so that no stroke has to wait for it.
    if crf := crf_settings(options["pseudo_labels"]):
        for n_labels in {len(record.labels) + 1 for record in records if not record.held_out}:
            load_inference(crf, label_maps=1, n_labels=n_labels)

    def computed(record: "ImageRecord") -> bytes:
        if not record.correction:
            return read_bytes(sources.file("pseudo_labels", record))
        return compute(replace(record, correction=""))

    def label(record: "ImageRecord") -> str | None:
        if not record.correction:
            return digest_file(sources.file("pseudo_labels", record))
        return digest_bytes(computed(record))

    maps = maps_of(project, experiment)

    def photograph(record: "ImageRecord") -> "Photograph":
        return Photograph(
            catalog,
            record,
            boundary=image_file("boundary_maps", folders["boundary_maps"], record.id),
            computed=computed,
            walk=options["revised_maps"],
            labels=options["pseudo_labels"],
        )

    dataset = options["dataset"]
    return Desk(
        catalog,
        records,
        read_ranking(folders["quality"] / "ranking.csv"),
        places=Places(dataset.corrections or CORRECTIONS, dataset.review or REVIEW),
        maps=lambda record: maps(record.id),
        label=label,
        photograph=photograph,
    )


def go_on(project: "Project", files: list[Path], overrides: list[str]) -> tuple[str, str]:
    """The lines that the configuration lacks below `dataset`, empty if none, and what to type to
    have the workflow heed the review: the run's own words, and what these lines say."""
    import shlex

    import yaml

    from bes.project.reviewed import not_named

    more = not_named(project.experiments[BASE].options["dataset"])
    words = ["bes", "run"]
    if files != [DEFAULT_CONFIG]:
        words += ["--configfile", *map(str, files)]
    if more:
        sections = [word for word in overrides if word.partition("=")[0] == "dataset"]
        overrides = [word for word in overrides if word not in sections]
        dataset = dict(yaml.safe_load(sections[-1].partition("=")[2]) if sections else {}) | more
        line = yaml.safe_dump(dataset, default_flow_style=True, sort_keys=False, width=10**6)
        overrides = [f"dataset={line.strip()}", *overrides]
    keys = "\n".join(f"{name}: {place}" for name, place in more.items())
    return keys, shlex.join(words + (["--config", *overrides] if overrides else []))


def print_go_on(project: "Project", args: argparse.Namespace) -> None:
    """Print what `go_on` says."""
    import textwrap

    keys, then = go_on(project, args.configfile, args.config)
    if keys:
        lines = textwrap.indent(keys, "    ")
        print(
            f"For every run to use it, write below `dataset:` of your configuration:\n\n{lines}\n"
        )
    print(f"To go on with it:\n\n    {then}")
