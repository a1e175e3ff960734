"""The results of a run that never was, on six small photographs."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from vouching import settle_digests, vouch_for

from bes.data.images import encode_boundary_labels, encode_boundary_map, encode_labels, encode_maps
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.data.ranking import RankedLabel, ranking_csv
from bes.incremental.journal import Run as Journalled
from bes.incremental.journal import journal_file
from bes.incremental.stage import image_file, per_image_stages
from bes.method.boundary_labels import BoundaryLabel
from bes.report.contact_sheet import encode_jpeg
from bes.storage.files import write_atomic
from bes.storage.layout import model_file
from bes.training.run import METRICS

CLASSES = ["cat", "dog"]
SIZE = (24, 32)
STAGES = ("classifier", "benet", "evaluation", *per_image_stages())


class Run(NamedTuple):
    """The arguments of `make_report` that say where things are."""

    dataset: Path
    folders: dict[str, Path]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Writes the dataset and all results; `masks` says whether there are any to score against.

    `held_out` photographs have a prediction, and `ranking` ranks the pseudo labels.
    """

    def make(*, masks: bool, held_out: int = 0, ranking: bool = False) -> Run:
        root, dataset = tmp_path / "photographs", tmp_path / "dataset"
        folders = {stage: tmp_path / stage for stage in STAGES}
        records = [_record(f"image {number} #é", masks=masks) for number in range(6)]
        records += [_record(f"other {n}", masks=masks, split="val") for n in range(held_out)]
        write_dataset(
            dataset, records=records, catalog=Catalog(root, tuple(CLASSES), (1, 2)), shards=1
        )
        for number, record in enumerate(records):
            _write_photograph(root, record)
            if record.split == "train":
                _write_results(folders, record, empty=number == 0)
            else:
                folders["predictions"] = tmp_path / "predictions"
                label = encode_labels(np.zeros(SIZE, np.uint8))
                write_atomic(tmp_path / "predictions" / f"{record.id}.png", label)
        if ranking:
            folders["quality"] = tmp_path / "quality"
            _write_ranking(folders["quality"], records)
        _write_journals(folders)
        measured = _write_networks(folders)
        _write_evaluation(folders["evaluation"], masks=masks)
        settle_digests(dataset)
        for stage, folder in folders.items():
            vouch_for(folder, dataset, **measured.get(stage, {}))
        return Run(dataset, folders)

    return make


def truth() -> np.ndarray:
    """A cat on the left, void in the last rows."""
    labels = np.zeros(SIZE, np.uint8)
    labels[:, :16] = 1
    labels[-4:] = 255
    return labels


def _record(image_id: str, *, masks: bool, split: str = "train") -> ImageRecord:
    return ImageRecord(
        id=image_id,
        path=f"{image_id}.jpg",
        width=SIZE[1],
        height=SIZE[0],
        labels=("cat",),
        split=split,
        digest="",
        mask=f"{image_id}.png" if masks else "",
    )


def _write_photograph(root: Path, record: ImageRecord) -> None:
    root.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(pixels).save(root / record.path)
    if record.mask:
        write_atomic(root / record.mask, encode_labels(truth()))


def _write_results(folders: dict[str, Path], record: ImageRecord, *, empty: bool) -> None:
    maps = np.zeros((1, 6, 8))
    maps[..., :4] = 1
    boundary_labels = np.full(SIZE, BoundaryLabel.BACKGROUND, np.uint8)
    boundary_labels[:, 15:17] = BoundaryLabel.BOUNDARY_FG_BG
    labels = np.zeros(SIZE, np.uint8) if empty else np.where(truth() == 1, 1, 0).astype(np.uint8)
    contents = {
        "cams": encode_maps(maps, [1], SIZE),
        "boundary_labels": encode_boundary_labels(boundary_labels),
        "boundary_maps": encode_boundary_map(np.full((6, 8), 0.75)),
        "revised_maps": encode_maps(maps, [1], SIZE),
        "pseudo_labels": encode_labels(labels),
    }
    for stage, content in contents.items():
        write_atomic(image_file(stage, folders[stage], record.id), content)


def _write_ranking(folder: Path, records: list[ImageRecord]) -> None:
    """In the order of their names; the first, whose label is empty, looks doubtful."""
    train = [record for record in records if record.split == "train"]
    rows = [
        RankedLabel(
            *(n + 1, record.id, record.labels, (n + 1) / 10),
            *(0.5,) * 7,
            reason="why" if n else "nothing found of cat",
        )
        for n, record in enumerate(train)
    ]
    write_atomic(folder / "ranking.csv", ranking_csv(rows).encode())
    write_atomic(folder / "thresholds.jpg", encode_jpeg(Image.new("RGB", (1200, 300))))
    _write_journal(folder, "once", {"threshold": 0.3}, {"threshold": 0.25})


def _write_journals(folders: dict[str, Path]) -> None:
    for stage in ("cams", "benet"):
        for part, images in (("000", 2), ("001", 4)):
            options = {"scales": [1.0, 0.5], "flip": True, "lr": 0.1}
            defaults = {"scales": [1.0], "flip": True, "lr": 0.1}
            torch = "2.4.0" if stage == "cams" else "2.5.0"
            _write_journal(folders[stage], part, options, defaults, torch=torch, images=images)


def _write_journal(
    folder: Path,
    part: str,
    options: dict[str, object],
    defaults: dict[str, object],
    *,
    torch: str = "2.4.0",
    images: int = 6,
) -> None:
    run = Journalled(
        origin="one",
        options=options,
        defaults=defaults,
        code="0123abcd",
        versions={"torch": torch, "numpy": "2.1.0"},
        device="cpu",
        threads=2,
        finished=f"2026-01-02T03:04:0{images}+00:00",
        images=images,
        seconds=1.5,
        cpu_seconds=2.5,
        memory=300_000_000,
    )
    write_atomic(journal_file(folder, part), (json.dumps(asdict(run)) + "\n").encode())


def _write_networks(folders: dict[str, Path]) -> dict[str, dict]:
    """Returns what the receipt of each says beside its files."""
    measured = {
        "classifier": {
            "split": "val",
            "average_precision": {"cat": 0.9, "dog": 0.25},
            "mean_average_precision": 0.575,
        },
        "benet": {},
    }
    terms = {"classifier": ["total"], "benet": ["total", "boundary", "ground"]}
    for name in measured:
        write_atomic(model_file(folders[name]), bytes(1000))
        rows = [["iteration", "lr", *terms[name]]]
        rows += [[step, 0.1, *(1 / step for _ in terms[name])] for step in range(1, 31)]
        write_atomic(folders[name] / METRICS, _csv(rows))
    return {
        name: {"settings": {"backbone": "resnet18"}, "measured": figures}
        for name, figures in measured.items()
    }


def _write_evaluation(folder: Path, *, masks: bool) -> None:
    scores: dict = {"skipped": "no training photograph has a mask"}
    per_class, thresholds = [], []
    if masks:
        # A class that is in neither has no IoU.
        iou = {"background": 60.0, "cat": 40.0, "dog": None}
        map_scores = {
            "miou": 50.0,
            "threshold": 0.25,
            "best": {"miou": 52.5, "threshold": 0.4},
            "per_class": iou,
        }
        scores = {
            "cams": map_scores,
            "revised_maps": map_scores | {"best": {"miou": 61.0, "threshold": 0.5}},
            "pseudo_labels": {"miou": 62.5, "per_class": iou},
            "photographs": 6,
        }
        stages = ("cams", "revised_maps", "pseudo_labels")
        per_class = [["stage", "class", "iou", "precision", "recall"]]
        per_class += [[stage, name, iou[name], 70.5, None] for stage in stages for name in iou]
        thresholds = [["stage", "threshold", "miou"]]
        thresholds += [[stage, t / 10, 50 - t] for stage in stages[:2] for t in range(1, 10)]
    write_atomic(folder / "scores.json", json.dumps(scores).encode())
    write_atomic(folder / "per_class.csv", _csv(per_class))
    write_atomic(folder / "thresholds.csv", _csv(thresholds))


def _csv(rows: list) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
