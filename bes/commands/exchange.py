"""The subcommand that brings labels back from annotation tools."""

import argparse
from pathlib import Path

from bes.commands.arguments import add_experiment, project_of
from bes.data.corrections import CORRECTIONS
from bes.data.review import REVIEW
from bes.storage.progress import heartbeat
from bes.storage.words import counted


class ImportCommand:
    """Labels from CVAT, Label Studio, labelme or COCO tools -> corrections."""

    summary = "take labels drawn in CVAT, Label Studio, labelme or a COCO tool as corrections"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "path",
            type=Path,
            metavar="FILE_OR_FOLDER",
            help="what the tool wrote, a zip as it is; which tool that was is found out",
        )
        parser.add_argument(
            "--changed",
            action="store_true",
            help="leave out what is equal to the pseudo label (default: every label that is there "
            "was looked at)",
        )
        add_experiment(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.data.manifest import read_catalog, read_manifest
        from bes.exchange.corrections import Places, import_corrections
        from bes.incremental.stage import image_file
        from bes.project.reviewed import going_on

        project = project_of(args)
        dataset, labels = (project.folder(args.experiment, s) for s in ("dataset", "pseudo_labels"))
        catalog = read_catalog(dataset / "classes.json")
        records = read_manifest(dataset / "images.csv")
        options = project.experiments[args.experiment].options["dataset"]
        places = Places(
            catalog.root / (options.corrections or CORRECTIONS),
            catalog.root / (options.review or REVIEW),
        )
        files = {record.id: image_file("pseudo_labels", labels, record.id) for record in records}
        with heartbeat(f"reading {args.path}"):
            done = import_corrections(
                args.path,
                catalog=catalog,
                records=records,
                places=places,
                pseudo_labels=files if args.changed else None,
            )
        print(f"{counted(done.written, 'correction')} written to {places.corrections}")
        for count, words in (
            (done.replaced, "of them in the place of another"),
            (done.same, "there already"),
            (done.unchanged, "left out, equal to the pseudo label"),
            (done.held_out, "left out, of photographs held out"),
            (done.empty, "all background"),
            (done.unnamed, "with a class that the label table does not name for the photograph"),
        ):
            if count:
                print(f"    {count} {words}")
        print(going_on(project, args.configfile, args.config))
