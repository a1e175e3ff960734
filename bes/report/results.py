"""The results of an experiment, as the report reads them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.data.ranking import RankedLabel, parse_ranking
from bes.data.spreadsheet import plain
from bes.errors import BesError
from bes.incremental.journal import Run, read_runs
from bes.incremental.stage import TrainingStage, image_file, per_image_stages, stage_of
from bes.report.threshold_sheet import thresholds_around
from bes.storage.layout import model_file, model_receipt
from bes.storage.vouched import read_vouched
from bes.training.run import METRICS

NETWORKS = {
    "classifier": "Classifier",
    "benet": "BENet",
    "irnet": "IRNet",
    "teacher": "Teacher",
    "segmenter": "Segmentation network",
}
"""Trainings in words; another one has its own name."""


@dataclass(frozen=True)
class Storage:
    """What a stage keeps on disk, bytes."""

    name: str
    total: int
    photographs: int | None
    """Whose files these are; None for a network."""

    @property
    def per_photograph(self) -> float | None:
        """The mean."""
        return self.total / self.photographs if self.photographs else None


@dataclass(frozen=True)
class Results:
    """What the page is made of. Files that are missing or damaged raise BesError when they are
    read."""

    catalog: Catalog
    dataset: Path
    folders: Mapping[str, Path]
    """Of the stages that there are, in the order in which they are shown."""
    records: Sequence[ImageRecord]
    """The photographs to train on, then those with a prediction."""
    journals: dict[str, list[Run]] = field(init=False)

    def __post_init__(self) -> None:
        folders = {"dataset": self.dataset, **self.folders}
        journals = {stage: read_runs(folder) for stage, folder in folders.items()}
        object.__setattr__(self, "journals", journals)

    @property
    def train(self) -> list[ImageRecord]:
        """The photographs to train on."""
        return [record for record in self.records if record.split == "train"]

    @property
    def drawn(self) -> list[str]:
        """The per-image stages there are of the photographs to train on."""
        return [stage for stage in per_image_stages(optional=True) if stage in self.folders]

    @property
    def networks(self) -> dict[str, str]:
        """The trainings there are, with their names in words."""
        return {
            stage: NETWORKS.get(stage, stage)
            for stage in self.folders
            if isinstance(stage_of(stage), TrainingStage)
        }

    def panels(self, record: ImageRecord) -> dict[str, Path]:
        """The files that are drawn of a photograph."""
        files = {}
        if record.split == "train":
            files = {
                stage: image_file(stage, self.folders[stage], record.id) for stage in self.drawn
            }
        if record.mask:
            files["masks"] = self.catalog.root / record.mask
        predictions = self.folders.get("predictions")
        if predictions and (path := image_file("predictions", predictions, record.id)).exists():
            files["predictions"] = path
        return files

    def scores(self) -> dict[str, Any]:
        """Stage `evaluation`'s scores."""
        return read_json(self.folders["evaluation"] / "scores.json")

    def score_table(self, name: str) -> list[dict[str, str]]:
        """The rows of one of stage `evaluation`'s tables."""
        return read_csv(self.folders["evaluation"] / f"{name}.csv")

    def trainings(self) -> dict[str, dict[str, Any]]:
        """The receipts of `networks`."""
        return {stage: read_json(model_receipt(self.folders[stage])) for stage in self.networks}

    def losses(self) -> dict[str, dict[str, list[float]]]:
        """By network in words and term of the loss, the values of all iterations."""
        found = {}
        for stage, name in self.networks.items():
            rows = read_csv(self.folders[stage] / METRICS)
            terms = [column for column in rows[0] if column not in ("iteration", "lr")]
            found[name] = {term: [float(row[term]) for row in rows] for term in terms}
        return found

    def ranking(self) -> list[RankedLabel]:
        """The pseudo labels, the least trusted first; empty without a ranking."""
        if "quality" not in self.folders:
            return []
        path = self.folders["quality"] / "ranking.csv"
        return parse_ranking(read_text(path).splitlines(), path)

    def threshold_sheet(self) -> bytes | None:
        """The JPEG of stage `quality`; None without it."""
        if "quality" not in self.folders:
            return None
        file = self.folders["quality"] / "thresholds.jpg"
        return read_vouched(file) if file.exists() else None

    def thresholds(self) -> list[float]:
        """Of the columns of that sheet; empty without it."""
        runs = self.journals.get("quality")
        return thresholds_around(runs[-1].options["threshold"]) if runs else []

    def storage(self) -> list[Storage]:
        """What each stage keeps on disk."""
        sizes: dict[str, list[int]] = {stage: [] for stage in (*self.drawn, "predictions")}
        for record in self.records:
            for panel, file in self.panels(record).items():
                if panel in sizes:
                    sizes[panel].append(file.stat().st_size)
        kept = [Storage(stage, sum(each), len(each)) for stage, each in sizes.items() if each]
        networks = [
            Storage(name, model_file(self.folders[stage]).stat().st_size, photographs=None)
            for stage, name in self.networks.items()
        ]
        return [*kept, *networks]


def read_results(dataset: Path, folders: Mapping[str, Path]) -> Results:
    """`folders` as in `Results`. Raises BesError for a dataset that cannot be read."""
    records = read_manifest(dataset / "images.csv")
    predicted = {path.stem for path in folders.get("predictions", Path("-")).glob("*.png")}
    return Results(
        catalog=read_catalog(dataset / "classes.json"),
        dataset=dataset,
        folders=folders,
        records=[r for r in records if r.split == "train"]
        + [r for r in records if r.split != "train" and r.id in predicted],
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table that a stage wrote; raises BesError if it is missing."""
    return [
        {name: plain(cell) for name, cell in row.items() if isinstance(cell, str)}
        for row in csv.DictReader(read_text(path).splitlines())
    ]


def read_json(path: Path) -> Any:
    """What a stage wrote; raises BesError if it is missing or damaged."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise BesError(f"{path}: not JSON ({error}), expected what a stage wrote") from None


def read_text(path: Path) -> str:
    """What a stage wrote; raises BesError if it is missing."""
    try:
        return read_vouched(path).decode("utf-8")
    except FileNotFoundError:
        raise BesError(f"{path}: no such file; run `bes {path.parent.name}` first") from None
