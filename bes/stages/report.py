"""Stage `report`: one page of scores, curves, health checks and a gallery that opens offline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.manifest import ImageRecord
from bes.incremental.stage import WholeRun, WholeStage, all_stages
from bes.options.declared import Range
from bes.storage.pool import forked_map
from bes.storage.progress import Progress

if TYPE_CHECKING:
    from bes.report.gallery import Extreme, Row
    from bes.report.measures import Measured
    from bes.report.results import Results

PHOTOGRAPHS = "photographs.csv"
BESIDE_PHOTOGRAPHS = (
    *("options", "place", "classifier", "benet", "irnet", "segmenter", "segmentation_maps"),
    *("evaluation", "quality", "foreground", "regions", "supervision", "accepted"),
)
"""The inputs of which that table is no function."""
PAGE = "page"
"""The folder to hand on."""


@dataclass(frozen=True)
class ReportOptions:
    """Options of the report."""

    images: Annotated[int, Range(0, 1_000_000)] = 600
    """Photographs in the gallery, evenly spaced, beside those that the page begins
    with and the worst and the median of each class; 600
    take about 22 MB."""


def compose(options: ReportOptions, run: WholeRun) -> dict[str, bytes]:
    """`page/`, which can be handed on as it is, `photographs.csv`, `scores.csv`, `thresholds.png`
    and `losses.png`."""
    from bes.report.measures import read_measures
    from bes.report.results import read_results

    results = read_results(
        run.dataset, {name: run.folders[name] for name in all_stages() if name in run.folders}
    )
    photographs = run.unchanged(PHOTOGRAPHS, despite=BESIDE_PHOTOGRAPHS)
    photographs = photographs or _measure(results, run.threads)
    rows = read_measures(photographs.decode(), results.catalog.classes)
    measured = {row.id: row for row in rows}
    return {PHOTOGRAPHS: photographs, **_page(results, measured, options, run)}


def _measure(results: "Results", threads: int) -> bytes:
    from bes.data.images import decode_labels, read_boundary_map
    from bes.data.truth import read_truth
    from bes.report.checks import observe
    from bes.report.measures import Measured, measures_csv, score_labels

    classes = results.catalog.classes

    def measure(record: ImageRecord) -> Measured:
        files, facts = results.panels(record), None
        labels = decode_labels(files.get("pseudo_labels") or files["predictions"])
        if record.split == "train":
            facts = observe(
                record.id,
                labels=record.labels,
                boundary_labels=decode_labels(files["boundary_labels"])
                if "boundary_labels" in files
                else None,
                boundary_map=read_boundary_map(files["boundary_maps"]),
                pseudo_labels=labels,
            )
        truth = read_truth(results.catalog, record) if record.mask else None
        miou, iou = score_labels(labels, truth, classes)
        return Measured(record.id, record.split, facts, miou, iou)

    rows = list(_each("scores", measure, results.records, threads))
    return measures_csv(rows, classes).encode()


def _shown(
    results: "Results", first: Sequence["Row"], found: Sequence["Extreme"], count: int
) -> list[ImageRecord]:
    """The photographs of the gallery, by name, those to train on first."""
    from bes.data.evenly import evenly

    picked = {record.id for record in evenly(results.records, count)}
    for extreme in found:
        picked |= {extreme.worst.id, extreme.median.id}
    for row in first:
        picked |= {record.id for record, _ in row.photographs}
    return [record for record in results.records if record.id in picked]


def _page(
    results: "Results",
    measured: Mapping[str, "Measured"],
    options: ReportOptions,
    run: WholeRun,
) -> dict[str, bytes]:
    """The content of every file but the table of the photographs."""
    from bes.report import origins
    from bes.report.checks import checks
    from bes.report.doubt import doubt
    from bes.report.figures import loss_figure, score_curves, threshold_figure
    from bes.report.gallery import extremes, first_rows, gallery_data
    from bes.report.page import Report, render_page
    from bes.report.panels import draw_panels
    from bes.report.supervision import more_than_labels
    from bes.report.tables import class_rows, score_rows, scores_csv
    from bes.stages.shared.looked_at import looked_at

    catalog, scores, trainings = results.catalog, results.scores(), results.trainings()
    ranking = results.ranking()
    ranks = {row.image: row.rank for row in ranking}
    seen = looked_at(run.dataset, run.folders["pseudo_labels"])
    doubted = doubt(ranking, seen)
    first, found = [], []
    if options.images:
        first = first_rows(results.train, ranking, seen, trusted=doubted is None)
        found = extremes(catalog.classes, results.train, measured, ranks)
    shown = _shown(results, first, found, options.images)

    def draw(record: ImageRecord) -> dict[str, bytes]:
        drawn = draw_panels(catalog, record, results.panels(record))
        return {f"{panel}/{record.id}": content for panel, content in drawn.items()}

    pictures = {
        name: content
        for drawn in _each("pictures", draw, shown, run.threads)
        for name, content in drawn.items()
    }
    panels = {record.id: list(results.panels(record)) for record in shown}
    rows = score_rows(scores)
    classifier = trainings.get("classifier", {}).get("measured", {})
    curves = score_curves(scores, results.score_table("thresholds"))
    figures = {
        "thresholds.png": threshold_figure(curves),
        # To draw takes long, and the losses change with the networks alone.
        "losses.png": run.unchanged(
            "losses.png", despite=run.inputs.keys() - {*results.networks, "code"}
        )
        or loss_figure(results.losses()),
    }
    page = render_page(
        Report(
            title=" / ".join(run.out.absolute().parts[-3:-1]),
            labels="/".join(run.folders["pseudo_labels"].absolute().parts[-4:]),
            photographs=len(results.train),
            doubtful=sum(r.doubtful and r.image not in seen for r in ranking) if ranking else None,
            doubt=doubted,
            first=first,
            corrected=sum(bool(record.correction) for record in results.train),
            scores=rows,
            supervised=[stage for stage in scores if more_than_labels(scores, [stage])],
            scored=scores.get("photographs", 0),
            skipped=scores.get("skipped", ""),
            classes=class_rows(
                catalog.classes,
                results.train,
                average_precision=classifier.get("average_precision", {}),
                per_class=results.score_table("per_class"),
            ),
            split=classifier.get("split"),
            mean_average_precision=classifier.get("mean_average_precision"),
            networks={results.networks[n]: each["settings"] for n, each in trainings.items()},
            thresholds_png=figures["thresholds.png"],
            losses_png=figures["losses.png"],
            threshold_sheet=results.threshold_sheet(),
            thresholds=results.thresholds(),
            checks=checks([row.facts for row in measured.values() if row.facts]),
            extremes=found,
            gallery=gallery_data(shown, panels, measured, ranking),
            settings=origins.settings(results.journals),
            efforts=origins.efforts(results.journals, list(results.networks)),
            origins=origins.origins(results.journals),
            versions=origins.versions(results.journals),
            code=run.inputs["code"],
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


_ASSETS = Path(__file__).parents[1] / "report"

STAGE = WholeStage(
    name="report",
    options=ReportOptions,
    compute=compose,
    reads=(
        "cams",
        "boundary_maps",
        "revised_maps",
        "pseudo_labels",
        "evaluation",
        "quality",
    ),
    reads_if_there=("teacher_maps", "revised_teacher_maps", "foreground", "regions"),
    may_read=(
        *("classifier", "boundary_labels", "benet", "irnet", "teacher_labels", "teacher"),
        *("segmenter", "segmentation_maps", "predictions"),
    ),
    dated=(f"{PAGE}/index.html",),
    accepted=True,
    assets=tuple(_ASSETS / f"page.{ending}" for ending in ("html", "css", "js")),
)
