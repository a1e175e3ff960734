"""Stage `export`: photographs, labels and lists as other trainers read them."""

import importlib
import pkgutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.ranking import read_ranking
from bes.data.review import REVIEW
from bes.errors import BesError
from bes.export import tools, trainers
from bes.incremental.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.incremental.stage import Stage
from bes.stages.shared.looked_at import looked_at
from bes.storage.code_digest import code_digest
from bes.storage.log import begin_log, say_idle
from bes.storage.memo import digest_of
from bes.storage.pool import limit_threads
from bes.storage.vouched import vouched
from bes.storage.words import counted

if TYPE_CHECKING:
    from bes.export.contents import Contents


def _formats(package: ModuleType) -> tuple[str, ...]:
    """The formats that the modules of a package write, each called like its module."""
    modules = pkgutil.iter_modules(package.__path__)
    return tuple(module.name.replace("_", "-") for module in modules)


FORMATS = _formats(trainers)
"""What trainers read."""
TOOLS = _formats(tools)
"""What people draw with: labels go there by hand and come back by `bes import`."""
SKIPPED = "skipped.txt"
"""In the folder of an export that its format cannot take: why."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of the exports."""

    raw: bool = False
    """Write every label a second time as a grey PNG, in a folder with the ending `Raw`, for readers
    that turn palette PNGs into colours (OpenCV, imageio)."""
    copy: bool = False
    """Copy photographs; otherwise they are links to where they lie."""


def run_export(
    options: ExportOptions,
    *,
    format: str,
    dataset: Path,
    pseudo_labels: Path,
    out: Path,
    threads: int,
    skip: bool = False,
    worst: int | None = None,
    quality: Path | None = None,
    review: str = REVIEW,
    code: str | None = None,
) -> None:
    """Write the training photographs with their pseudo labels, and the validation photographs that
    have a mask with it, to the folder `out`: whole or not at all.

    With `worst` these are so many training photographs and no others, the least trusted by the
    ranking in the folder `quality`, of those that nobody has dealt with yet; the table `review`,
    below the root of the dataset, says so too. For `TOOLS` the photographs are copied, as these
    read no links.

    Raises BesError for a leak (`bes.export.leaks`), a missing or damaged label, where `out` is
    something else than an export, and for a name that the format cannot take; with `skip` the
    latter is said, and written to `SKIPPED` in place of the export.
    """
    from bes.export.folder import is_up_to_date, rebuilt, vouch

    out = out.absolute()
    catalog = read_catalog(dataset / "classes.json")
    records = [r for r in read_manifest(dataset / "images.csv") if not r.rejected]
    if worst is not None:
        seen = looked_at(dataset, pseudo_labels, review=catalog.root / review)
        records = _least_trusted(records, worst, quality, seen)
    code = code or STAGE.code()
    folders = {"pseudo_labels": pseudo_labels}
    inputs = inputs_of(STAGE, options=options, code=code, dataset=dataset, folders=folders, out=out)
    # Photographs are links to where the dataset lies.
    origin = inputs | {"format": format, "root": str(catalog.root.resolve())}
    if worst is not None:
        origin["images"] = digest_of([record.id for record in records])
    if is_up_to_date(out, origin) and (skip or not (out / SKIPPED).exists()):
        vouch(out, inputs)
        say_idle("\n".join(filter(None, [f"export: {format}: up to date", _skipped(out)])))
        return
    begin_log()
    limit_threads(1)
    from bes.export.contents import Contents
    from bes.export.leaks import check_leaks
    from bes.export.names import UnfitName

    with vouched([*vouchers_of(folders, shards_of(dataset)), *files_of(catalog, records)]):
        check_leaks(catalog, records, pseudo_labels=pseudo_labels, threads=threads)
        with rebuilt(out, origin) as folder:
            contents = Contents(
                catalog=catalog,
                records=records,
                pseudo_labels=pseudo_labels,
                folder=folder,
                copy=options.copy or format in TOOLS,
                raw=options.raw and format not in TOOLS,
                threads=threads,
            )
            try:
                importlib.import_module(_module(format)).write(contents)
            except UnfitName as error:
                if not skip:
                    raise
                # Names are looked at before anything is written.
                contents.write(SKIPPED, f"{format} is skipped: {error}\n")
    vouch(out, inputs)
    if skipped := _skipped(out):
        print(skipped, file=sys.stderr)
    else:
        _print_summary(contents, format, out)


def _least_trusted(
    records: list[ImageRecord], count: int, quality: Path | None, seen: Collection[str]
) -> list[ImageRecord]:
    """So many photographs to train on, the least trusted that were not seen; in the order of the
    manifest."""
    if quality is None:
        raise BesError("--quality: found none, expected the folder of `bes quality`")
    train = {r.id for r in records if r.split == "train" and r.id not in seen}
    ranked = [row.image for row in read_ranking(quality / "ranking.csv") if row.image in train]
    if not ranked:
        raise BesError(
            "--worst: found every label mended, accepted or rejected already, expected one or more "
            "that nobody has dealt with"
        )
    chosen = set(ranked[:count])
    return [record for record in records if record.id in chosen]


def _module(format: str) -> str:
    package = tools if format in TOOLS else trainers
    return f"{package.__name__}.{format.replace('-', '_')}"


def _print_summary(contents: "Contents", format: str, out: Path) -> None:
    values = ", ".join(f"{value} {name}" for value, name in enumerate(contents.names))
    val = "" if format in TOOLS else f" in train, {len(contents.val)} with masks in val"
    train = counted(len(contents.train), "photograph")
    print(f"{format}: {train} with pseudo labels{val}; values: {values}")
    print(out)


def _skipped(out: Path) -> str:
    """Why the export was skipped; empty if it was not."""
    file = out / SKIPPED
    return file.read_text(encoding="utf-8").rstrip("\n") if file.exists() else ""


@dataclass(frozen=True, kw_only=True)
class _ExportStage(Stage):
    def code(self) -> str:
        """See `Stage`; the formats count too, which are imported by their names."""
        formats = [code_digest(_module(format)) for format in FORMATS + TOOLS]
        return digest_of([super().code(), *formats])


STAGE = _ExportStage(name="export", options=ExportOptions, reads=("pseudo_labels",), on_demand=True)
