"""The subcommand that shows where the labels of two experiments differ."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bes.commands.arguments import add_config, add_threads, check_experiment
from bes.errors import BesError
from bes.incremental.stage import PerImageStage, image_file, stage_of
from bes.options.flags import whole_number
from bes.storage.progress import heartbeat
from bes.storage.words import counted

if TYPE_CHECKING:
    from bes.data.manifest import ImageRecord
    from bes.project.settings import Project
    from bes.report.differences import Difference

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
        from bes.project.settings import read_project
        from bes.report.contact_sheet import encode_jpeg
        from bes.report.differences import draw_differences
        from bes.storage.files import write_atomic
        from bes.storage.pool import forked_map

        project = read_project(args.configfile, args.config)
        names = (args.first, args.second)
        with heartbeat(f"comparing the labels of {args.first} and {args.second}"):
            shares = _shares(project, names, args.stage, args.threads)
        changed = [(share, record) for share, record in shares if share]
        mean = sum(share for share, _ in shares) / len(shares)
        print(
            f"{len(changed)} of {counted(len(shares), 'label')} differ, in {100 * mean:.2f} % of "
            "the pixels on average"
        )
        if not changed:
            return
        draw = _drawing(project, names, args.stage)
        out = args.out or Path("-".join(names) + ".jpg")
        with heartbeat(f"drawing {out}"):
            shown = list(forked_map(draw, changed[: args.images], processes=args.threads))
            write_atomic(out, encode_jpeg(draw_differences(shown, names)))
        for one in shown[:5]:
            print(f"  {one.image}: {100 * one.share:.1f} %")
        print(f"the {counted(len(shown), 'photograph')} that differ most: {out}")


def _shares(
    project: "Project", names: tuple[str, str], stage: str, threads: int
) -> "list[tuple[float, ImageRecord]]":
    """The photographs of both experiments, the most different first, with the share of their pixels
    that differ."""
    from bes.data.images import decode_labels
    from bes.data.manifest import read_manifest
    from bes.storage.pool import forked_map

    for name in names:
        check_experiment(name, project, given="differences")
    declared = stage_of(stage)
    assert isinstance(declared, PerImageStage)
    first, second = (
        {
            record.id: record
            for record in read_manifest(project.folder(name, "dataset") / "images.csv")
            if record.held_out == declared.held_out
        }
        for name in names
    )
    both = [record for image, record in first.items() if image in second]
    if not both:
        raise BesError(f"differences: found no photograph that both have {stage} of")

    def share(record: "ImageRecord") -> float:
        a, b = (decode_labels(path) for path in _files(project, names, stage, record))
        return float((a != b).mean()) if a.shape == b.shape else 1.0

    shares = zip(forked_map(share, both, processes=threads), both, strict=True)
    return sorted(shares, key=lambda one: (-one[0], one[1].id))


def _files(
    project: "Project", names: tuple[str, str], stage: str, record: "ImageRecord"
) -> list[Path]:
    """The label of either experiment."""
    files = [image_file(stage, project.folder(name, stage), record.id) for name in names]
    for file in files:
        if not file.is_file():
            raise BesError(f"{file}: no such label; `bes run` makes it")
    return files


def _drawing(
    project: "Project", names: tuple[str, str], stage: str
) -> "Callable[[tuple[float, ImageRecord]], Difference]":
    """The function from a photograph, and how much of it differs, to its pictures."""
    import numpy as np

    from bes.data.images import decode_labels
    from bes.data.manifest import read_catalog
    from bes.data.working_size import read_reduced
    from bes.report.contact_sheet import draw_thumbnail
    from bes.report.differences import Difference

    catalog = read_catalog(project.folder(names[0], "dataset") / "classes.json")

    def draw(one: "tuple[float, ImageRecord]") -> "Difference":
        share, record = one
        photo = read_reduced(catalog, record)
        labels = [decode_labels(path) for path in _files(project, names, stage, record)]
        plain, first, second = (
            draw_thumbnail(photo, each) for each in (np.zeros_like(labels[0]), *labels)
        )
        return Difference(record.id, share, (plain, first, second))

    return draw
