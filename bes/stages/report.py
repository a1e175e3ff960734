"""Stage `report`: one page of scores, curves, health checks and a gallery that opens offline."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.layout import TRAIN_STAGES, image_file, model_file, model_receipt
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_file
from bes.engine.once import run_once
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.progress import Progress
from bes.engine.receipts import read_receipts
from bes.engine.run_training import METRICS
from bes.errors import BesError

if TYPE_CHECKING:
    from bes.report.checks import Facts
    from bes.report.figures import Curve
    from bes.report.page import GalleryStrip, Storage

FILES = ("index.html", "scores.csv", "thresholds.png", "losses.png")
LABELLING = ("classifier", "benet", *TRAIN_STAGES)
"""The stages that the page shows."""
NETWORKS = {"classifier": "Classifier", "benet": "BENet"}


@dataclass(frozen=True)
class ReportOptions:
    """Options of the report."""

    images: Annotated[int, Range(0)] = 120
    """Photographs in the gallery, evenly spaced over the training photographs."""


def make_report(
    options: ReportOptions,
    *,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    title: str,
    threads: int = 1,
    code: str | None = None,
) -> None:
    """Write `index.html`, its `strips/<id>.jpg`, `scores.csv`, `thresholds.png` and `losses.png`.

    `folders` holds that of every stage from `classifier` to `evaluation`. Raises BesError if a file
    of theirs is missing or damaged.
    """
    catalog = read_catalog(dataset / "classes.json")
    records = [r for r in read_manifest(dataset / "images.csv") if r.split == "train"]
    shown = _spread(records, options.images)
    run_once(
        "report",
        out=out,
        files=(*FILES, *(f"strips/{record.id}.jpg" for record in shown)),
        parts={
            "options": asdict(options) | {"title": title},
            "code": code or code_digest(__name__),
            "page": digest_file(Path(__file__).parents[1] / "report" / "page.html"),
            "records": [[record.id, record.digest, record.mask_digest] for record in records],
            "networks": [digest_file(model_receipt(folders[name])) for name in NETWORKS],
            "scores": digest_file(folders["evaluation"] / "scores.json"),
            "files": {name: read_receipts(folders[name], dataset) for name in TRAIN_STAGES},
        },
        compute=lambda: _compose(catalog, records, shown, folders, title, threads),
    )
    # The rule promises the folder, even where the gallery is empty.
    (out / "strips").mkdir(parents=True, exist_ok=True)
    # Of photographs that an earlier report showed.
    for path in set((out / "strips").glob("*.jpg")):
        if path.stem not in {record.id for record in shown}:
            path.unlink()


def _compose(
    catalog: Catalog,
    records: list[ImageRecord],
    shown: list[ImageRecord],
    folders: dict[str, Path],
    title: str,
    threads: int,
) -> dict[str, bytes]:
    """The content of every file of the report."""
    limit_threads(1)
    from bes.report.checks import checks
    from bes.report.figures import loss_figure, threshold_figure
    from bes.report.page import Report, render_page
    from bes.report.tables import class_rows, score_rows, scores_csv

    scores = _read_json(folders["evaluation"] / "scores.json")
    thresholds = _read_csv(folders["evaluation"] / "thresholds.csv")
    per_class = _read_csv(folders["evaluation"] / "per_class.csv")
    receipts = {name: _read_json(model_receipt(folders[name])) for name in NETWORKS}
    metrics = {name: _read_csv(folders[name] / METRICS) for name in NETWORKS}
    facts = _each("checks", _observe(folders), records, threads)
    gallery = _each("gallery", _draw(catalog, folders), shown, threads)

    measured = receipts["classifier"]["measured"]
    rows = score_rows(scores)
    thresholds_png = threshold_figure(_curves(scores, thresholds))
    losses_png = loss_figure({NETWORKS[name]: _losses(table) for name, table in metrics.items()})
    page = render_page(
        Report(
            title=title,
            photographs=len(records),
            scores=rows,
            scored=scores.get("photographs", 0),
            skipped=scores.get("skipped", ""),
            classes=class_rows(
                catalog.classes,
                records,
                average_precision=measured["average_precision"],
                per_class=per_class,
            ),
            split=measured["split"],
            mean_average_precision=measured["mean_average_precision"],
            networks={NETWORKS[name]: receipt["settings"] for name, receipt in receipts.items()},
            thresholds_png=thresholds_png,
            losses_png=losses_png,
            checks=checks(facts),
            storage=_storage(records, folders),
            gallery=[strip for strip, _ in gallery],
        )
    )

    return {
        "index.html": page.encode(),
        "scores.csv": scores_csv(rows, catalog.classes).encode(),
        "thresholds.png": thresholds_png,
        "losses.png": losses_png,
        **{f"strips/{strip.id}.jpg": jpeg for strip, jpeg in gallery},
    }


def _observe(folders: dict[str, Path]) -> Callable[[ImageRecord], "Facts"]:
    from bes.data.images import decode_labels, read_boundary_map
    from bes.report.checks import Facts, observe

    def facts(record: ImageRecord) -> Facts:
        files = _files(record, folders)
        return observe(
            record.id,
            labels=record.labels,
            boundary_labels=decode_labels(files["boundary_labels"]),
            boundary_map=read_boundary_map(files["boundary_maps"]),
            pseudo_labels=decode_labels(files["pseudo_labels"]),
        )

    return facts


def _draw(
    catalog: Catalog, folders: dict[str, Path]
) -> Callable[[ImageRecord], tuple["GalleryStrip", bytes]]:
    """The function from a photograph to what the page says of it, and its strip as JPEG."""
    from bes.data.images import decode_labels, read_boundary_map, read_maps
    from bes.data.truth import read_truth
    from bes.data.working_size import read_reduced, resize_labels
    from bes.hard_labels import upsample
    from bes.metrics.iou import ConfusionMatrix
    from bes.report.page import GalleryStrip
    from bes.report.strips import draw_strip, encode_jpeg

    def draw(record: ImageRecord) -> tuple[GalleryStrip, bytes]:
        files = _files(record, folders)
        photo = read_reduced(catalog, record)
        size = photo.shape[:2]
        pseudo_labels = decode_labels(files["pseudo_labels"])
        mask = read_truth(catalog, record) if record.mask else None
        matrix = ConfusionMatrix(len(catalog.classes) + 1)
        if mask is not None:
            matrix.update(pseudo_labels, mask)
        miou = 100 * matrix.mean_iou()
        strip = draw_strip(
            photo=photo,
            cam=upsample(read_maps(files["cams"]).maps, size),
            boundary_labels=decode_labels(files["boundary_labels"]),
            boundary_map=upsample(read_boundary_map(files["boundary_maps"])[None], size)[0],
            revised=upsample(read_maps(files["revised_maps"]).maps, size),
            pseudo_labels=resize_labels(pseudo_labels, size),
            mask=None if mask is None else resize_labels(mask, size),
        )
        return (
            GalleryStrip(
                id=record.id,
                labels=record.labels,
                width=strip.width,
                height=strip.height,
                miou=None if math.isnan(miou) else miou,
            ),
            encode_jpeg(strip),
        )

    return draw


def _each(
    name: str, function: Callable[[ImageRecord], Any], records: Sequence[ImageRecord], threads: int
) -> list[Any]:
    progress, results = Progress(f"report, {name}", len(records), unit="images"), []
    for result in forked_map(function, records, processes=threads):
        results.append(result)
        progress.step()
    return results


def _spread(records: Sequence[ImageRecord], count: int) -> list[ImageRecord]:
    """At most `count` records at equal steps; the manifest is sorted by id."""
    count = min(count, len(records))
    return [records[step * len(records) // count] for step in range(count)]


def _curves(scores: dict[str, Any], thresholds: Sequence[dict[str, str]]) -> list["Curve"]:
    from bes.report.figures import Curve

    # Scored masks may be void all over.
    if "skipped" in scores or scores["cams"]["miou"] is None:
        return []
    curves = []
    for stage, name in (("cams", "CAM"), ("revised_maps", "revised map")):
        score = scores[stage]
        points = [row for row in thresholds if row["stage"] == stage]
        curves.append(
            Curve(
                name=name,
                thresholds=[float(point["threshold"]) for point in points],
                miou=[float(point["miou"] or "nan") for point in points],
                configured=(score["threshold"], score["miou"]),
                best=(score["best"]["threshold"], score["best"]["miou"]),
            )
        )
    return curves


def _losses(metrics: Sequence[dict[str, str]]) -> dict[str, list[float]]:
    terms = [column for column in metrics[0] if column not in ("iteration", "lr")]
    return {term: [float(row[term]) for row in metrics] for term in terms}


def _storage(records: Sequence[ImageRecord], folders: dict[str, Path]) -> list["Storage"]:
    from bes.report.page import Storage

    kept = [
        Storage(
            stage,
            sum(image_file(stage, folders[stage], record.id).stat().st_size for record in records),
            photographs=len(records),
        )
        for stage in TRAIN_STAGES
    ]
    networks = [
        Storage(name, model_file(folders[name]).stat().st_size, photographs=None)
        for name in NETWORKS
    ]
    return [*kept, *networks]


def _files(record: ImageRecord, folders: dict[str, Path]) -> dict[str, Path]:
    return {stage: image_file(stage, folders[stage], record.id) for stage in TRAIN_STAGES}


def _read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(_read_text(path).splitlines()))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read_text(path))
    except ValueError as error:
        raise BesError(f"{path}: not JSON ({error}), expected what a stage wrote") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BesError(f"{path}: no such file; run `bes {path.parent.name}` first") from None
