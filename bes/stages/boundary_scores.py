"""Stage `boundary_scores`: precision and recall of boundaries against those of the masks."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.file_names import stamp
from bes.data.manifest import ImageRecord
from bes.data.spreadsheet import to_csv
from bes.incremental.parts import Parts
from bes.incremental.stage import WholeRun, WholeStage
from bes.options.declared import Range
from bes.stages.shared.boundary_counts import COMPARED, counter, sbd_file
from bes.storage.code_digest import code_digest
from bes.storage.files import digest_file
from bes.storage.memo import digest_of
from bes.storage.pool import forked_map
from bes.storage.progress import Progress
from bes.storage.receipts import read_receipts

if TYPE_CHECKING:
    from bes.report.boundary_tables import Counts


@dataclass(frozen=True)
class BoundaryScoreOptions:
    """Options of the boundary scores."""

    tolerances: Annotated[tuple[float, ...], Range(0.0, 0.1)] = (0.0075, 0.02)
    """Largest distances of a found to a true boundary pixel, shares of the photograph's diagonal:
    0.0075 in BSDS, 0.02 in SBD."""
    thresholds: Annotated[int, Range(1, 999)] = 99
    """Evenly spaced thresholds of the boundary probability."""
    cam_threshold: Annotated[float, Range(0.0, 1.0)] = 0.11
    """Background score at which the CAMs become labels, for the boundaries of these."""
    sbd: str | None = None
    """Folder `cls` of SBD, whose boundaries count as the true ones, as in the paper; otherwise
    those of the masks do."""


def score(options: BoundaryScoreOptions, run: WholeRun) -> dict[str, bytes]:
    """Score the training photographs that have a mask, or a file of SBD.

    Writes `images/<image>.json` too, with the counts of each photograph, of which only what changed
    is counted anew.
    """
    from bes.report.boundary_figure import boundary_figure
    from bes.report.boundary_tables import curve_rows, summary

    truth = {
        record: record.mask_digest if options.sbd is None else _sbd_digest(options.sbd, record)
        for record in run.train_records
    }
    scores: dict[str, Any] = {"skipped": "no training photograph has a mask, or a file of SBD"}
    rows: list[list[Any]] = []
    if known := {record: digest for record, digest in truth.items() if digest}:
        counts = _counts(options, run, known)
        scores, rows = summary(counts), curve_rows(counts)
    return {
        "scores.json": (json.dumps(scores, indent=1) + "\n").encode(),
        "curve.csv": to_csv(rows).encode(),
        "curve.png": boundary_figure(scores, rows),
    }


def _sbd_digest(folder: str, record: ImageRecord) -> str | None:
    return digest_file(sbd_file(Path(folder), record))


def _sbd_stamps(options: BoundaryScoreOptions) -> dict[str, str]:
    """What SBD's files look like, without reading them."""
    if options.sbd is None:
        return {}
    files = sorted(Path(options.sbd).glob("*.mat"))
    return {"sbd": digest_of([[file.name, *stamp(file.stat())] for file in files])}


def _counts(
    options: BoundaryScoreOptions, run: WholeRun, truth: dict[ImageRecord, str]
) -> list["Counts"]:
    """The counts of each photograph, from its file where nothing that they come from changed."""
    receipts = {name: read_receipts(run.folders[name], run.dataset) for name in COMPARED}
    # A new figure must not count anew, so a photograph's code is that of its counts alone.
    common = {
        "options": digest_of(asdict(replace(options, sbd=None))),
        "mask_values": digest_of(run.catalog.mask_values),
        "code": code_digest("bes.stages.shared.boundary_counts"),
    }
    origins = {
        record.id: common
        | {"truth": digest}
        | {name: receipts[name].get(run.file(name, record).name, "") for name in COMPARED}
        for record, digest in truth.items()
    }
    parts = Parts(
        run.out / "images", ".json", memo=run.out / "_memo" / "images.jsonl", origins=origins
    )
    known = {r: content for r in truth if (content := parts.read(r.id)) is not None}
    todo = [record for record in truth if record not in known]
    progress = Progress("boundary_scores", len(todo), unit="images")
    count = counter(
        run.catalog,
        run.folders,
        sbd=Path(options.sbd) if options.sbd else None,
        tolerances=options.tolerances,
        thresholds=options.thresholds,
        cam_threshold=options.cam_threshold,
    )
    for record, counts in zip(todo, forked_map(count, todo, processes=run.threads), strict=True):
        known[record] = (json.dumps(counts) + "\n").encode()
        parts.write(record.id, known[record])
        progress.step()
    parts.tidy()
    return [json.loads(known[record]) for record in truth]


STAGE = WholeStage(
    name="boundary_scores",
    options=BoundaryScoreOptions,
    compute=score,
    reads=COMPARED,
    on_demand=True,
    outside=_sbd_stamps,
)
