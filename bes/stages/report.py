"""Stage `report`: one page of scores, curves, health checks and a gallery that opens offline."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.layout import TRAIN_STAGES, whole_receipt
from bes.data.manifest import ImageRecord
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_file
from bes.engine.inputs import files_of, inputs_of, shards_of, vouchers_of
from bes.engine.once import run_once, vouch
from bes.engine.options import Range
from bes.engine.pool import forked_map, limit_threads
from bes.engine.progress import Progress
from bes.engine.receipts import read_receipt, read_receipts
from bes.engine.vouched import vouched

if TYPE_CHECKING:
    from bes.report.measures import Measured
    from bes.report.results import Results

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

    images: Annotated[int, Range(0, 1_000_000)] = 600
    """Photographs in the gallery, evenly spaced, beside the worst and the median of each class; 600
    take about 22 MB."""


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
    from bes.report.results import read_results

    folders = {stage: folders[stage] for stage in (*SOURCES, *OPTIONAL) if stage in folders}
    results = read_results(dataset, folders)
    code = code or code_digest(__name__)
    inputs = inputs_of(options=options, code=code, dataset=dataset, folders=folders)
    read = vouchers_of(folders, shards_of(dataset)) | files_of(results.catalog, results.records)
    with vouched(read):
        files = _make_files(results, options, dataset, folders, out, title, threads, code)
    vouch(out, files, inputs, dated=(f"{PAGE}/index.html",))


def _make_files(
    results: "Results",
    options: ReportOptions,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    title: str,
    threads: int,
    code: str,
) -> tuple[str, ...]:
    """Have all files of the report in place; returns their names."""
    parts = {
        "code": code,
        "classes": [results.catalog.classes, results.catalog.mask_values],
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
    composed = (f"{PAGE}/index.html", *TABLES, *pictures)
    run_once(
        "report",
        out=out,
        files=composed,
        parts=parts
        | {
            "options": asdict(options) | {"title": title},
            "page": [digest_file(page / f"page.{suffix}") for suffix in ("html", "css", "js")],
            "networks": [
                [training[part] for part in ("files", "settings", "measured")]
                for training in results.trainings().values()
            ],
            "scores": read_receipt(whole_receipt(folders["evaluation"])),
            "quality": read_receipt(whole_receipt(folders["quality"]))
            if "quality" in folders
            else None,
            "journals": {
                stage: [asdict(run) for run in runs] for stage, runs in results.journals.items()
            },
        },
        compute=lambda: _compose(results, shown, options, out, title, threads, code),
    )
    return (PHOTOGRAPHS, *composed)


def _receipts(folder: Path | None) -> list[dict[str, str]]:
    paths = sorted((folder / "_receipts").glob("*.json")) if folder else []
    return [read_receipt(path) for path in paths]


def _measure(results: "Results", threads: int) -> dict[str, bytes]:
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


def _measured(results: "Results", out: Path) -> dict[str, "Measured"]:
    from bes.report.measures import read_measures
    from bes.report.results import read_text

    rows = read_measures(read_text(out / PHOTOGRAPHS), results.catalog.classes)
    return {row.id: row for row in rows}


def _shown(results: "Results", out: Path, count: int) -> list[ImageRecord]:
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
    results: "Results",
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
    from bes.report.figures import loss_figure, score_curves, threshold_figure
    from bes.report.gallery import extremes, gallery_data
    from bes.report.page import Report, render_page
    from bes.report.panels import draw_panels
    from bes.report.tables import class_rows, score_rows, scores_csv

    catalog, scores, trainings = results.catalog, results.scores(), results.trainings()
    measured, trust = _measured(results, out), results.trust()

    def draw(record: ImageRecord) -> dict[str, bytes]:
        drawn = draw_panels(catalog, record, results.panels(record))
        return {f"{panel}/{record.id}": content for panel, content in drawn.items()}

    pictures = {
        name: content
        for drawn in _each("pictures", draw, shown, threads)
        for name, content in drawn.items()
    }
    panels = {record.id: list(results.panels(record)) for record in shown}
    rows = score_rows(scores)
    classifier = trainings["classifier"]["measured"]
    figures = {
        "thresholds.png": threshold_figure(score_curves(scores, results.score_table("thresholds"))),
        "losses.png": loss_figure(results.losses()),
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
                per_class=results.score_table("per_class"),
            ),
            split=classifier["split"],
            mean_average_precision=classifier["mean_average_precision"],
            networks={results.networks[n]: each["settings"] for n, each in trainings.items()},
            thresholds_png=figures["thresholds.png"],
            losses_png=figures["losses.png"],
            checks=checks([row.facts for row in measured.values() if row.facts]),
            extremes=extremes(catalog.classes, results.train, measured, trust) if shown else [],
            gallery=gallery_data(shown, panels, measured, trust),
            settings=origins.settings(results.journals),
            efforts=origins.efforts(results.journals, list(results.networks)),
            origins=origins.origins(results.journals),
            versions=origins.versions(results.journals),
            code=code,
            storage=results.storage(),
        )
    )
    return {
        f"{PAGE}/index.html": page.encode(),
        "scores.csv": scores_csv(rows, catalog.classes).encode(),
        **figures,
        **{f"{PAGE}/pictures/{name}.webp": content for name, content in pictures.items()},
    }


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
