"""A project whose run is finished, made at once: of what no CPU computes in a moment, pretended.

The tests work in its folder, so all paths are relative.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from vouching import vouch_for

from bes.data.images import (
    encode_boundary_labels,
    encode_boundary_map,
    encode_grey,
    encode_labels,
    encode_maps,
    encode_prior,
)
from bes.data.manifest import ImageRecord, read_manifest, shard_name, shard_of
from bes.incremental.inputs import inputs_of, receipts_of
from bes.incremental.per_image import run_per_image
from bes.incremental.stage import NoOptions, image_file, is_per_image, stage_of
from bes.incremental.whole import run_whole
from bes.project.settings import Project, load_project
from bes.project.staleness import places
from bes.stages.comparison import run_comparison
from bes.stages.dataset import run_dataset
from bes.stages.export import run_export
from bes.storage.files import write_atomic
from bes.storage.receipts import read_receipt, receipts_in, write_receipt

RESULTS = Path("results/p")
SHARDS = ("000", "001")
NO_CRF = {"crf": False}
CONFIG: dict[str, Any] = {
    "name": "p",
    "shards": len(SHARDS),
    "dataset": {"root": "photographs"},
    "pseudo_labels": NO_CRF,
    "experiments": {"other": {"pseudo_labels": {"threshold": 0.4}}},
    "comparisons": {"both": {"experiments": ["base", "other"]}},
    "classifier": {"weights": "weights.pth"},
}

MEASURED = {"split": "train", "average_precision": {}, "mean_average_precision": None}
"""What the receipt of a training says of its network."""


def project(**changes: Any) -> Project:
    return load_project(CONFIG | changes)


def label(receipt: Path) -> str:
    return str(receipt.relative_to(RESULTS).with_suffix("")).replace("_receipts/", "")


def receipt_at(name: str) -> Path:
    """The receipt of a label."""
    (found,) = (path for path in all_receipts() if label(path) == name)
    return found


def all_receipts() -> list[Path]:
    return [path for place in places(project()) for path in receipts_in(place.folder)]


def shard_of_image(image: str) -> str:
    return shard_name(shard_of(image, len(SHARDS)))


def content_of(stage: str, record: ImageRecord) -> bytes:
    """What a stage might have written for a photograph."""
    size = (record.height, record.width)
    if stage == "boundary_labels":
        return encode_boundary_labels(np.zeros(size, np.uint8))
    if stage == "boundary_maps":
        return encode_boundary_map(np.full((6, 8), 0.5))
    if stage == "foreground":
        return encode_prior(np.zeros(size, np.uint8))
    if stage == "regions":
        return encode_grey(np.zeros(size, np.uint16))
    if stage in ("teacher_labels", "predictions"):
        return encode_labels(np.zeros(size, np.uint8))
    if stage == "teacher_maps":
        return encode_maps(np.full((2, 6, 8), 0.5), [0, 1], size)
    return encode_maps(np.ones((1, 6, 8)), [1], size)


def finish(done: Project) -> None:
    """All results of a run: trainings, maps and report as if, the others as their jobs write
    them."""
    for stage, folder in done.computed():
        experiment = folder.parent.name
        options = done.experiments[experiment].options[stage]
        dataset, folders = done.folder(experiment, "dataset"), done.read_by(stage, experiment)
        read = {"dataset": dataset, "folders": folders, "out": folder, "threads": 1}
        if stage == "dataset":
            run_dataset(options, out=folder, shards=len(SHARDS), threads=1)
        elif stage in ("evaluation", "quality"):
            run_whole(stage_of(stage), options=options, **read)
        elif stage == "pseudo_labels":
            job = stage_of(stage)
            run_per_image(job, options=options, shards=list(SHARDS), device="cpu", **read)
        else:
            pretend(done, stage, folder, options, dataset, folders)
    base = {"dataset": done.folder("base", "dataset")}
    run_export(
        done.experiments["base"].options["export"],
        format="torchvision",
        pseudo_labels=done.folder("base", "pseudo_labels"),
        out=done.folder("base", "export") / "torchvision",
        threads=1,
        **base,
    )
    evaluation = done.folder("base", "evaluation")
    run_whole(
        stage_of("tables"),
        options=NoOptions(),
        folders={"evaluation": evaluation},
        out=done.folder("base", "tables"),
        threads=1,
        **base,
    )
    run_comparison(
        done.comparisons["both"],
        evaluations=done.evaluations("both"),
        out=done.comparison_folder("both"),
    )


def pretend(
    done: Project,
    stage: str,
    folder: Path,
    options: Any,
    dataset: Path,
    folders: dict[str, Path],
) -> None:
    """Results of a stage that nothing computed."""
    trained: dict[str, Any] = {}
    if is_per_image(stage):
        for record in read_manifest(dataset / "images.csv"):
            if not record.held_out:
                path = image_file(stage, folder, record.id)
                write_atomic(path, content_of(stage, record))
    elif stage == "report":
        write_atomic(folder / "page/index.html", b"the page")
    else:
        write_atomic(folder / "model.safetensors", f"the network of {stage}".encode())
        write_atomic(folder / "metrics.csv", b"iteration,lr,total\n1,0.1,0.5\n")
        trained = {"settings": {}, "measured": MEASURED}
    vouch_for(folder, dataset)
    for receipt in receipts_of(stage, folder, list(SHARDS)):
        inputs = inputs_of(
            stage_of(stage),
            options=options,
            dataset=dataset,
            folders=folders,
            out=folder,
            shard=receipt.stem if is_per_image(stage) else None,
        )
        write_receipt(receipt, read_receipt(receipt), inputs, **trained)


def read_dataset() -> None:
    """Read photographs and labels anew."""
    options = project().experiments["base"].options["dataset"]
    run_dataset(options, out=RESULTS / "base/dataset", shards=len(SHARDS), threads=1)


def flip(path: str | Path) -> None:
    """Change a byte and leave size and date as they are."""
    content, before = Path(path).read_bytes(), os.stat(path)
    Path(path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
