"""Stage `quality`: the pseudo labels ranked by how far they can be trusted, without any mask."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from bes.data.layout import image_file
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.data.ranking import RankedLabel, ranking_csv
from bes.engine.code_digest import code_digest
from bes.engine.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.engine.once import run_once, vouch
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.progress import Progress
from bes.engine.receipts import read_receipts
from bes.engine.vouched import vouched

if TYPE_CHECKING:
    from bes.quality import Signals
    from bes.report.contact_sheet import Tile

FILES = ("ranking.csv", "suspicious.jpg")
READS = ("boundary_maps", "revised_maps", "pseudo_labels")
REASONS = {
    "stability": "moves with the threshold",
    "separation": "inside and outside alike",
    "agreement": "changed much by the CRF",
    "boundary": "outline off the boundary map",
    "margin": "classes compete for pixels",
}
"""What it means that a signal is the weakest."""


@dataclass(frozen=True)
class QualityOptions:
    """Options of the ranking."""

    threshold: Annotated[float, Range(0.0, 1.0)] = 0.25
    """Background score of the pseudo labels; the threshold they were made with, unless given."""
    images: Annotated[int, Range(1, 1000)] = 100
    """Photographs on the contact sheet, the least trusted first."""


class Judged(NamedTuple):
    """What one photograph adds to the ranking."""

    record: ImageRecord
    signals: "Signals"
    missing: tuple[str, ...]
    """Classes present of which the label shows nothing."""


def run_quality(
    options: QualityOptions,
    *,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    threads: int,
    code: str | None = None,
) -> None:
    """Rank the training photographs; writes `ranking.csv` and `suspicious.jpg`."""
    catalog = read_catalog(dataset / "classes.json")
    records = [r for r in read_manifest(dataset / "images.csv") if r.split == "train"]
    code = code or code_digest(__name__)
    inputs = inputs_of(options=options, code=code, dataset=dataset, folders=folders)

    def compute() -> dict[str, bytes]:
        with vouched(vouchers_of(folders, shards_of(dataset)) | files_of(catalog, records)):
            return _rank(catalog, records, folders, options, threads)

    run_once(
        "quality",
        out=out,
        files=FILES,
        parts={
            "options": asdict(options),
            "code": code,
            "classes": catalog.classes,
            "records": [[record.id, record.digest, record.labels] for record in records],
            "files": {name: read_receipts(folders[name], dataset) for name in READS},
        },
        compute=compute,
    )
    vouch(out, FILES, inputs)


def _rank(
    catalog: Catalog,
    records: Sequence[ImageRecord],
    folders: dict[str, Path],
    options: QualityOptions,
    threads: int,
) -> dict[str, bytes]:
    limit_threads(1)
    from bes.report.contact_sheet import draw_contact_sheet, encode_jpeg

    progress, judged = Progress("quality", len(records), unit="images"), []
    for one in forked_map(_judge(catalog, folders, options), records, processes=threads):
        judged.append(one)
        progress.step()
    rows = _rows(judged)
    tiles = forked_map(_draw(catalog, records, folders), rows[: options.images], processes=threads)
    return {
        "ranking.csv": ranking_csv(rows).encode(),
        "suspicious.jpg": encode_jpeg(draw_contact_sheet(list(tiles))),
    }


def _judge(
    catalog: Catalog, folders: dict[str, Path], options: QualityOptions
) -> Callable[[ImageRecord], Judged]:
    import numpy as np

    from bes.data.images import decode_labels, read_boundary_map, read_maps
    from bes.data.working_size import resize_labels
    from bes.quality import trust_signals

    def judge(record: ImageRecord) -> Judged:
        maps, classes, size = read_maps(
            image_file("revised_maps", folders["revised_maps"], record.id)
        )
        boundary = image_file("boundary_maps", folders["boundary_maps"], record.id)
        labels = decode_labels(image_file("pseudo_labels", folders["pseudo_labels"], record.id))
        signals = trust_signals(
            maps=maps,
            classes=classes,
            boundary=read_boundary_map(boundary),
            labels=resize_labels(labels, size),
            threshold=options.threshold,
        )
        shown = set(np.unique(labels).tolist())
        missing = [name for name in record.labels if catalog.classes.index(name) + 1 not in shown]
        return Judged(record, signals, tuple(missing))

    return judge


def _rows(judged: Sequence[Judged]) -> list[RankedLabel]:
    """The ranking; of equal scores the first name comes first."""
    from bes.quality import trust, weakest

    weak = weakest([one.signals for one in judged])
    scored = sorted(
        (trust(one.signals), one.record.id, _reason(one, name), one)
        for one, name in zip(judged, weak, strict=True)
    )
    return [
        RankedLabel(
            rank=rank,
            image=image,
            labels=one.record.labels,
            score=score,
            **one.signals._asdict(),
            reason=reason,
        )
        for rank, (score, image, reason, one) in enumerate(scored, start=1)
    ]


def _reason(one: Judged, weak: str) -> str:
    if one.missing:
        return f"nothing found of {', '.join(one.missing)}"
    return REASONS[weak] if one.record.labels else "no class to find"


def _draw(
    catalog: Catalog, records: Sequence[ImageRecord], folders: dict[str, Path]
) -> Callable[[RankedLabel], "Tile"]:
    from bes.data.images import decode_labels
    from bes.data.working_size import read_reduced, resize_labels
    from bes.report.contact_sheet import Tile, draw_thumbnail

    known = {record.id: record for record in records}

    def draw(row: RankedLabel) -> Tile:
        photo = read_reduced(catalog, known[row.image])
        labels = decode_labels(image_file("pseudo_labels", folders["pseudo_labels"], row.image))
        picture = draw_thumbnail(photo, resize_labels(labels, photo.shape[:2]))
        return Tile(picture, (f"{row.rank}.  {row.score:.2f}", row.image, row.reason))

    return draw
