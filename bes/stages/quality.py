"""Stage `quality`: the pseudo labels ranked by how far they can be trusted, without any mask."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from bes.data.manifest import ImageRecord
from bes.data.ranking import SUSPICIONS, RankedLabel, missing, ranking_csv, read_ranking
from bes.incremental.stage import WholeRun, WholeStage
from bes.options.declared import Range
from bes.report.doubt import doubt
from bes.stages.shared.looked_at import looked_at
from bes.storage.pool import forked_map
from bes.storage.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from bes.method.trust import Signals
    from bes.report.contact_sheet import Tile

REASONS = {
    "stability": "moves with the threshold",
    "separation": "inside and outside alike",
    "agreement": "changed much by the CRF",
    "boundary": "outline off the boundary map",
    "margin": "classes compete for pixels",
    "frame": "reaches far along the border",
    "colour": "inside and outside of the same colours",
}
"""What it means that a signal is the weakest."""
TOGETHER = 3
"""Photographs of a class from which on it is no accident that another one is in all of them."""


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
    suspicions: tuple[str, ...]
    """Keys of `SUSPICIONS`."""
    missing: tuple[str, ...]
    """Classes present of which the label shows nothing."""


def rank(options: QualityOptions, run: WholeRun) -> dict[str, bytes]:
    """Rank the training photographs."""
    from bes.data.evenly import evenly
    from bes.report.contact_sheet import draw_contact_sheet, encode_jpeg
    from bes.report.threshold_sheet import PHOTOGRAPHS, draw_threshold_sheet, thresholds_around

    records, judged = run.train_records, []
    progress = Progress("quality", len(records), unit="images")
    for one in forked_map(_judge(options, run), records, processes=run.threads):
        judged.append(one)
        progress.step()
    rows = _rows(judged)
    tiles = forked_map(_draw(run), rows[: options.images], processes=run.threads)
    thresholds = thresholds_around(options.threshold)
    compared = forked_map(
        _compare(thresholds, run), evenly(records, PHOTOGRAPHS), processes=run.threads
    )
    sheet = draw_threshold_sheet(list(compared), thresholds, options.threshold)
    return {
        "ranking.csv": ranking_csv(rows).encode(),
        "thresholds.jpg": encode_jpeg(sheet),
        "suspicious.jpg": encode_jpeg(draw_contact_sheet(list(tiles))),
    }


def _judge(options: QualityOptions, run: WholeRun) -> Callable[[ImageRecord], Judged]:
    import numpy as np

    from bes.data.images import decode_labels, read_boundary_map, read_maps
    from bes.data.working_size import read_reduced, resize_labels
    from bes.method.foreground_prior import with_priors
    from bes.method.trust import suspicions, trust_signals

    def judge(record: ImageRecord) -> Judged:
        maps, classes, size = read_maps(run.file("revised_maps", record))
        labels = decode_labels(run.file("pseudo_labels", record))
        scores = maps / max(maps.max(initial=0.0), 1e-12)
        scores, threshold = with_priors(scores, _priors(run, record), options.threshold)
        boundary = read_boundary_map(run.file("boundary_maps", record))
        reduced = resize_labels(labels, size)
        signals = trust_signals(
            maps=scores,
            classes=classes,
            boundary=boundary,
            labels=reduced,
            photo=read_reduced(run.catalog, record),
            # A share of the highest score, which is below 1 where scores and priors differ.
            threshold=threshold / max(float(scores.max(initial=0.0)), 1e-12),
        )
        shown = set(np.unique(labels).tolist())
        indices = zip(record.labels, run.catalog.indices(record), strict=True)
        absent = tuple(name for name, index in indices if index not in shown)
        return Judged(record, signals, tuple(suspicions(reduced, boundary)), absent)

    return judge


def _rows(judged: Sequence[Judged]) -> list[RankedLabel]:
    """The ranking; of equal scores the first name comes first."""
    from bes.method.trust import trust, weakest

    weak = weakest([one.signals for one in judged])
    together = always_together([one.record.labels for one in judged])
    scored = sorted(
        (trust(one.signals), one.record.id, _reason(one, name, together), one)
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


def always_together(photographs: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """Class -> those that are in every photograph that it is in: of the classes of a whole
    photograph nothing tells which of the two is which."""
    shared: dict[str, set[str]] = {}
    for labels in photographs:
        for name in labels:
            shared[name] = shared.get(name, set(labels)) & set(labels)
    count = Counter(name for labels in photographs for name in labels)
    found = {name: sorted(others - {name}) for name, others in shared.items()}
    return {name: others for name, others in found.items() if others and count[name] >= TOGETHER}


def _reason(one: Judged, weak: str, together: dict[str, list[str]]) -> str:
    if not one.record.labels:
        return "no class to find"
    words = [missing(one.missing)] if one.missing else []
    words += [SUSPICIONS[name] for name in one.suspicions]
    words += [
        f"{n} is never without {', '.join(together[n])}" for n in one.record.labels if n in together
    ]
    return "; ".join(words) or REASONS[weak]


def _draw(run: WholeRun) -> Callable[[RankedLabel], "Tile"]:
    from bes.data.images import decode_labels
    from bes.data.working_size import read_reduced, resize_labels
    from bes.report.contact_sheet import Tile, draw_thumbnail

    known = {record.id: record for record in run.train_records}

    def draw(row: RankedLabel) -> Tile:
        photo = read_reduced(run.catalog, known[row.image])
        labels = decode_labels(run.file("pseudo_labels", known[row.image]))
        picture = draw_thumbnail(photo, resize_labels(labels, photo.shape[:2]))
        return Tile(picture, (f"{row.rank} of {len(known)}", row.image, row.reason))

    return draw


def _compare(thresholds: Sequence[float], run: WholeRun) -> Callable[[ImageRecord], "np.ndarray"]:
    from bes.data.images import read_maps
    from bes.data.working_size import read_reduced
    from bes.report.threshold_sheet import draw_row

    def compare(record: ImageRecord) -> "np.ndarray":
        maps, classes, _ = read_maps(run.file("revised_maps", record))
        photo = read_reduced(run.catalog, record)
        return draw_row(photo, maps, classes, _priors(run, record), thresholds)

    return compare


def _priors(run: WholeRun, record: ImageRecord) -> "list[np.ndarray]":
    """What the pseudo label took beside the revised map, at the map's size."""
    from bes.data.images import read_maps, read_prior
    from bes.method.trust import STRIDE

    found = []
    if "foreground" in run.folders:
        prior = read_prior(run.file("foreground", record))
        found += [] if prior is None else [prior[::STRIDE, ::STRIDE]]
    if "teacher_maps" in run.folders:
        # Without the first map, that of the background.
        found.append(read_maps(run.file("teacher_maps", record)).maps[1:])
    if "revised_teacher_maps" in run.folders:
        found.append(read_maps(run.file("revised_teacher_maps", record)).maps)
    return found


def print_doubt(folder: Path, folders: Mapping[str, Path]) -> None:
    """Print `doubt` of the ranking in a folder, if there is any."""
    seen = looked_at(folders["dataset"], folders["pseudo_labels"])
    if sentence := doubt(read_ranking(folder / "ranking.csv"), seen):
        print(f"quality: WARNING: {sentence}")


STAGE = WholeStage(
    name="quality",
    options=QualityOptions,
    compute=rank,
    say=print_doubt,
    reads=("boundary_maps", "revised_maps", "pseudo_labels"),
    reads_if_there=("foreground", "teacher_maps", "revised_teacher_maps"),
)
