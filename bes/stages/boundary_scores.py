"""Stage `boundary_scores`: precision and recall of boundaries against those of the masks."""

import csv
import io
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.layout import image_file
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_bytes, digest_file, write_atomic
from bes.engine.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.engine.memo import Entry, Memo, digest_of
from bes.engine.once import run_once, vouch
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.progress import Progress
from bes.engine.receipts import read_receipts
from bes.engine.vouched import vouched
from bes.stages.boundary_counts import COMPARED, counter, sbd_file

if TYPE_CHECKING:
    from bes.report.boundary_tables import Counts

FILES = ("scores.json", "curve.csv", "curve.png")


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


def run_boundary_scores(
    options: BoundaryScoreOptions,
    *,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    threads: int,
    code: str | None = None,
) -> None:
    """Score the training photographs that have a mask, or a file of SBD.

    Writes `FILES`, and `images/<image>.json` with the counts of each photograph, of which only what
    changed is counted anew.
    """
    catalog = read_catalog(dataset / "classes.json")
    code = code or code_digest(__name__)
    inputs = inputs_of(options=options, code=code, dataset=dataset, folders=folders)
    truth = {
        record: record.mask_digest if options.sbd is None else _sbd_digest(options.sbd, record)
        for record in read_manifest(dataset / "images.csv")
        if record.split == "train"
    }
    records = [record for record, digest in truth.items() if digest]
    receipts = {name: read_receipts(folders[name], dataset) for name in COMPARED}
    # A new figure must not count anew, so a photograph's code is that of its counts alone.
    common = {
        "options": digest_of(asdict(replace(options, sbd=None))),
        "mask_values": digest_of(catalog.mask_values),
        "code": code_digest("bes.stages.boundary_counts"),
    }
    origins = {
        record.id: common
        | {"truth": str(truth[record])}
        | {
            name: receipts[name].get(image_file(name, folders[name], record.id).name, "")
            for name in COMPARED
        }
        for record in records
    }

    def compute() -> dict[str, bytes]:
        with vouched(vouchers_of(folders, shards_of(dataset)) | files_of(catalog, records)):
            return _score(catalog, records, origins, folders, out, options, threads)

    run_once(
        "boundary_scores",
        out=out,
        files=FILES,
        parts={"origins": origins, "code": code},
        compute=compute,
    )
    vouch(out, FILES, inputs)


def _sbd_digest(folder: str, record: ImageRecord) -> str | None:
    return digest_file(sbd_file(Path(folder), record))


def _score(
    catalog: Catalog,
    records: list[ImageRecord],
    origins: dict[str, dict[str, str]],
    folders: dict[str, Path],
    out: Path,
    options: BoundaryScoreOptions,
    threads: int,
) -> dict[str, bytes]:
    limit_threads(1)
    from bes.report.boundary_figure import boundary_figure
    from bes.report.boundary_tables import curve_rows, summary

    if not records:
        scores: dict[str, Any] = {"skipped": "no training photograph has a mask, or a file of SBD"}
        rows = []
    else:
        counts = _counts(catalog, records, origins, folders, out, options, threads)
        scores, rows = summary(counts), curve_rows(counts)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return {
        "scores.json": (json.dumps(scores, indent=1) + "\n").encode(),
        "curve.csv": text.getvalue().encode(),
        "curve.png": boundary_figure(scores, rows),
    }


def _counts(
    catalog: Catalog,
    records: list[ImageRecord],
    origins: dict[str, dict[str, str]],
    folders: dict[str, Path],
    out: Path,
    options: BoundaryScoreOptions,
    threads: int,
) -> list["Counts"]:
    """The counts of each photograph, from its file where nothing that they come from changed."""
    memo = Memo(out / "_memo" / "images.jsonl")
    files = {record.id: out / "images" / f"{record.id}.json" for record in records}
    todo = [
        record
        for record in records
        if (entry := memo.entries.get(record.id)) is None
        or entry.origin != origins[record.id]
        or entry.file != digest_file(files[record.id])
    ]
    progress = Progress("boundary_scores", len(todo), unit="images")
    count = counter(
        catalog,
        folders,
        sbd=Path(options.sbd) if options.sbd else None,
        tolerances=options.tolerances,
        thresholds=options.thresholds,
        cam_threshold=options.cam_threshold,
    )
    for record, counts in zip(todo, forked_map(count, todo, processes=threads), strict=True):
        content = (json.dumps(counts) + "\n").encode()
        write_atomic(files[record.id], content)
        memo.add(record.id, Entry(origins[record.id], digest_bytes(content)))
        progress.step()
    memo.compact()
    known = set(files.values())
    # Of photographs that are no longer in the dataset.
    for path in (out / "images").glob("*.json"):
        if path not in known:
            path.unlink()
    return [json.loads(files[record.id].read_bytes()) for record in records]
