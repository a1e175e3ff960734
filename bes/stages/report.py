"""Stage `report`: one page of scores, curves, health checks and a gallery that opens offline."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.layout import TRAIN_STAGES, image_file, model_file, model_receipt
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_file
from bes.engine.journal import Run, read_runs
from bes.engine.once import run_once
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.progress import Progress
from bes.engine.receipts import read_receipts
from bes.engine.run_training import METRICS
from bes.errors import BesError

if TYPE_CHECKING:
    from bes.report.figures import Curve
    from bes.report.gallery import Trust
    from bes.report.measures import Measured
    from bes.report.page import Storage

NETWORKS = {"classifier": "Classifier", "benet": "BENet", "segmenter": "Segmentation network"}
SOURCES = (
    "classifier",
    "cams",
    "boundary_labels",
    "benet",
    "boundary_maps",
    "revised_maps",
    "pseudo_labels",
    "evaluation",
)
"""The stages that must be there, in order."""
OPTIONAL = ("segmenter", "segmentation_maps", "predictions", "quality")
"""The stages that are shown where they are."""

PHOTOGRAPHS = "photographs.csv"
TABLES = ("scores.csv", "thresholds.png", "losses.png")
PAGE = "page"
"""The folder to hand on."""


@dataclass(frozen=True)
class ReportOptions:
    """Options of the report."""

    images: Annotated[int, Range(0)] = 600
    """Photographs in the gallery, evenly spaced, beside the worst and the median of each class; 600
    take about 22 MB."""


@dataclass(frozen=True)
class Results:
    """What the page is made of."""

    catalog: Catalog
    dataset: Path
    folders: dict[str, Path]
    """Of the stages in SOURCES, and of those in OPTIONAL that there are."""
    records: list[ImageRecord]
    """The photographs to train on, then those with a prediction."""
    journals: dict[str, list[Run]] = field(init=False)

    def __post_init__(self) -> None:
        folders = {"dataset": self.dataset} | self.folders
        stages = [stage for stage in ("dataset", *SOURCES, *OPTIONAL) if stage in folders]
        journals = {stage: read_runs(folders[stage]) for stage in stages}
        object.__setattr__(self, "journals", journals)

    @property
    def train(self) -> list[ImageRecord]:
        """The photographs to train on."""
        return [record for record in self.records if record.split == "train"]

    @property
    def networks(self) -> dict[str, str]:
        """The trainings there are, with their names in words."""
        return {stage: name for stage, name in NETWORKS.items() if stage in self.folders}

    def panels(self, record: ImageRecord) -> dict[str, Path]:
        """The files that are drawn of a photograph."""
        files = {}
        if record.split == "train":
            files = {
                stage: image_file(stage, self.folders[stage], record.id) for stage in TRAIN_STAGES
            }
        if record.mask:
            files["masks"] = self.catalog.root / record.mask
        if "predictions" in self.folders and (path := self._prediction(record)).exists():
            files["predictions"] = path
        return files

    def trust(self) -> dict[str, "Trust"]:
        """By photograph; empty without a ranking."""
        from bes.report.gallery import Trust

        if "quality" not in self.folders:
            return {}
        rows = _read_csv(self.folders["quality"] / "ranking.csv")
        return {row["image"]: Trust(float(row["score"]), row["reason"]) for row in rows}

    def _prediction(self, record: ImageRecord) -> Path:
        return self.folders["predictions"] / f"{record.id}.png"


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
    """Write `page/`, which can be handed on as it is, `photographs.csv`, `scores.csv`,
    `thresholds.png` and `losses.png`.

    `folders` holds those of `SOURCES` and any of `OPTIONAL`. Raises BesError if a file of theirs is
    missing or damaged.
    """
    results = _results(dataset, folders)
    catalog, code = results.catalog, code or code_digest(__name__)
    parts = {
        "code": code,
        "classes": catalog.classes,
        "records": [
            [r.id, r.digest, r.mask_digest, r.correction_digest, r.labels] for r in results.records
        ],
        "files": {name: read_receipts(folders[name], dataset) for name in TRAIN_STAGES},
        "predictions": _receipts(folders.get("predictions")),
    }
    run_once(
        "report, table of the photographs",
        out=out,
        files=(PHOTOGRAPHS,),
        parts=parts,
        compute=lambda: _measure(results, threads),
    )
    shown = _shown(results, out, options.images)
    pictures = [
        f"{PAGE}/pictures/{panel}/{record.id}.webp"
        for record in shown
        for panel in ("photographs", *results.panels(record))
    ]
    page = Path(__file__).parents[1] / "report"
    run_once(
        "report",
        out=out,
        files=(f"{PAGE}/index.html", *TABLES, *pictures),
        parts=parts
        | {
            "options": asdict(options) | {"title": title},
            "page": [digest_file(page / f"page.{suffix}") for suffix in ("html", "css", "js")],
            "networks": [digest_file(model_receipt(folders[name])) for name in results.networks],
            "scores": digest_file(folders["evaluation"] / "scores.json"),
            "quality": digest_file(folders.get("quality", out) / "ranking.csv"),
            "journals": {
                stage: [asdict(run) for run in runs] for stage, runs in results.journals.items()
            },
        },
        compute=lambda: _compose(results, shown, options, out, title, threads, code),
    )
    # Of photographs that an earlier report showed.
    for path in set((out / PAGE / "pictures").rglob("*.webp")):
        if path.relative_to(out).as_posix() not in pictures:
            path.unlink()


def _results(dataset: Path, folders: dict[str, Path]) -> Results:
    records = read_manifest(dataset / "images.csv")
    predicted = {path.stem for path in folders.get("predictions", Path("-")).glob("*.png")}
    return Results(
        catalog=read_catalog(dataset / "classes.json"),
        dataset=dataset,
        folders=folders,
        records=[r for r in records if r.split == "train"]
        + [r for r in records if r.split != "train" and r.id in predicted],
    )


def _receipts(folder: Path | None) -> dict[str, str | None]:
    paths = sorted((folder / "_receipts").glob("*.json")) if folder else []
    return {path.name: digest_file(path) for path in paths}


def _measure(results: Results, threads: int) -> dict[str, bytes]:
    limit_threads(1)
    from bes.data.images import decode_labels, read_boundary_map
    from bes.data.truth import read_truth
    from bes.report.checks import observe
    from bes.report.measures import Measured, measures_csv
    from bes.report.photograph_scores import score_labels

    classes = results.catalog.classes

    def measure(record: ImageRecord) -> Measured:
        files, facts = results.panels(record), None
        labels = decode_labels(files.get("pseudo_labels") or files["predictions"])
        if record.split == "train":
            facts = observe(
                record.id,
                labels=record.labels,
                boundary_labels=decode_labels(files["boundary_labels"]),
                boundary_map=read_boundary_map(files["boundary_maps"]),
                pseudo_labels=labels,
            )
        truth = read_truth(results.catalog, record) if record.mask else None
        miou, iou = score_labels(labels, truth, classes)
        return Measured(record.id, record.split, facts, miou, iou)

    rows = list(_each("scores", measure, results.records, threads))
    return {PHOTOGRAPHS: measures_csv(rows, classes).encode()}


def _measured(results: Results, out: Path) -> dict[str, "Measured"]:
    from bes.report.measures import read_measures

    rows = read_measures(_read_text(out / PHOTOGRAPHS), results.catalog.classes)
    return {row.id: row for row in rows}


def _shown(results: Results, out: Path, count: int) -> list[ImageRecord]:
    """The photographs of the gallery, by name, those to train on first."""
    from bes.report.gallery import extremes

    picked = {record.id for record in _spread(results.records, count)}
    if count:
        for extreme in extremes(
            results.catalog.classes, results.train, _measured(results, out), results.trust()
        ):
            picked |= {extreme.worst.id, extreme.median.id}
    return [record for record in results.records if record.id in picked]


def _compose(
    results: Results,
    shown: list[ImageRecord],
    options: ReportOptions,
    out: Path,
    title: str,
    threads: int,
    code: str,
) -> dict[str, bytes]:
    """The content of every file but the table of the photographs."""
    limit_threads(1)
    from bes.report import origins
    from bes.report.checks import checks
    from bes.report.figures import loss_figure, threshold_figure
    from bes.report.gallery import extremes, gallery_data
    from bes.report.page import Report, render_page
    from bes.report.tables import class_rows, score_rows, scores_csv

    catalog, folders = results.catalog, results.folders
    scores = _read_json(folders["evaluation"] / "scores.json")
    receipts = {name: _read_json(model_receipt(folders[name])) for name in results.networks}
    losses = {
        name: _losses(_read_csv(folders[stage] / METRICS))
        for stage, name in results.networks.items()
    }
    measured, trust = _measured(results, out), results.trust()
    pictures = {
        name: content
        for drawn in _each("pictures", _draw(results), shown, threads)
        for name, content in drawn.items()
    }
    panels = {record.id: list(results.panels(record)) for record in shown}
    rows = score_rows(scores)
    classifier = receipts["classifier"]["measured"]
    thresholds = _curves(scores, _read_csv(folders["evaluation"] / "thresholds.csv"))
    figures = {
        "thresholds.png": threshold_figure(thresholds),
        "losses.png": loss_figure(losses),
    }
    page = render_page(
        Report(
            title=title,
            photographs=len(results.train),
            corrected=sum(bool(record.correction) for record in results.train),
            scores=rows,
            scored=scores.get("photographs", 0),
            skipped=scores.get("skipped", ""),
            classes=class_rows(
                catalog.classes,
                results.train,
                average_precision=classifier["average_precision"],
                per_class=_read_csv(folders["evaluation"] / "per_class.csv"),
            ),
            split=classifier["split"],
            mean_average_precision=classifier["mean_average_precision"],
            networks={results.networks[n]: receipt["settings"] for n, receipt in receipts.items()},
            thresholds_png=figures["thresholds.png"],
            losses_png=figures["losses.png"],
            checks=checks([row.facts for row in measured.values() if row.facts]),
            extremes=extremes(catalog.classes, results.train, measured, trust) if shown else [],
            gallery=gallery_data(shown, panels, measured, trust),
            settings=origins.settings(results.journals),
            efforts=origins.efforts(results.journals, list(NETWORKS)),
            origins=origins.origins(results.journals),
            versions=origins.versions(results.journals),
            code=code,
            storage=_storage(results),
        )
    )
    return {
        f"{PAGE}/index.html": page.encode(),
        "scores.csv": scores_csv(rows, catalog.classes).encode(),
        **figures,
        **{f"{PAGE}/pictures/{name}.webp": content for name, content in pictures.items()},
    }


def _draw(results: Results) -> Callable[[ImageRecord], dict[str, bytes]]:
    """The function from a photograph to its pictures, by folder and name."""
    from bes.data.images import (
        BOUNDARY_PALETTE,
        VOC_PALETTE,
        decode_labels,
        read_boundary_map,
        read_maps,
    )
    from bes.data.truth import read_truth
    from bes.data.working_size import read_reduced
    from bes.hard_labels import upsample
    from bes.report import pictures

    catalog = results.catalog

    def draw(record: ImageRecord) -> dict[str, bytes]:
        photograph = read_reduced(catalog, record)
        size = photograph.shape[:2]
        drawn = {"photographs": pictures.photograph_picture(photograph)}
        for panel, file in results.panels(record).items():
            if panel in ("cams", "revised_maps"):
                drawn[panel] = pictures.heat_picture(upsample(read_maps(file).maps, size))
            elif panel == "boundary_maps":
                probability = upsample(read_boundary_map(file)[None], size)[0]
                drawn[panel] = pictures.probability_picture(probability)
            elif panel == "boundary_labels":
                drawn[panel] = pictures.labels_picture(decode_labels(file), BOUNDARY_PALETTE)
            else:
                labels = read_truth(catalog, record) if panel == "masks" else decode_labels(file)
                drawn[panel] = pictures.labels_picture(labels, VOC_PALETTE)
        return {f"{panel}/{record.id}": content for panel, content in drawn.items()}

    return draw


def _each(
    name: str, function: Callable[[ImageRecord], Any], records: Sequence[ImageRecord], threads: int
) -> Iterator[Any]:
    progress = Progress(f"report, {name}", len(records), unit="images")
    for result in forked_map(function, records, processes=threads):
        yield result
        progress.step()


def _spread(records: Sequence[ImageRecord], count: int) -> list[ImageRecord]:
    """At most `count` records at equal steps; the manifest is sorted by id."""
    count = min(count, len(records))
    return [records[step * len(records) // count] for step in range(count)]


def _curves(scores: Mapping[str, Any], thresholds: Sequence[Mapping[str, str]]) -> list["Curve"]:
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


def _losses(metrics: Sequence[Mapping[str, str]]) -> dict[str, list[float]]:
    terms = [column for column in metrics[0] if column not in ("iteration", "lr")]
    return {term: [float(row[term]) for row in metrics] for term in terms}


def _storage(results: Results) -> list["Storage"]:
    from bes.report.page import Storage

    sizes: dict[str, list[int]] = {stage: [] for stage in (*TRAIN_STAGES, "predictions")}
    for record in results.records:
        for panel, file in results.panels(record).items():
            if panel in sizes:
                sizes[panel].append(file.stat().st_size)
    kept = [Storage(stage, sum(each), len(each)) for stage, each in sizes.items() if each]
    networks = [
        Storage(name, model_file(results.folders[name]).stat().st_size, photographs=None)
        for name in results.networks
    ]
    return [*kept, *networks]


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
