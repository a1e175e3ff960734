"""What a teacher adds: mIoU of the labels before it, of its own, and of the pseudo labels.

python benchmarks/teacher.py results/photographs/base [THRESHOLD]

for a finished experiment with a teacher whose training photographs have masks; THRESHOLD is its
`pseudo_labels.threshold`. What an experiment shares is found beside it, in `base`. Of one with a
foreground prior those photographs count that have one. The halves are every other photograph in the
order of their names.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bes.data.images import Maps, decode_labels, read_maps, read_prior
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.data.truth import read_truth
from bes.data.working_size import resize_labels
from bes.incremental.stage import image_file
from bes.method.foreground_prior import with_priors
from bes.method.hard_labels import hard_labels, upsample
from bes.metrics.iou import ConfusionMatrix

PARTS = ("all", "even half", "odd half", "one class", "several")


def folder_of(results: Path, stage: str) -> Path:
    """That of the experiment, or what it shares with `base`."""
    own = results / stage
    return own if own.exists() else results.parent / "base" / stage


def prior_of(results: Path, record: ImageRecord) -> np.ndarray | None:
    """The foreground prior of a photograph, if it has one."""
    file = image_file("foreground", results / "foreground", record.id)
    return read_prior(file) if file.exists() else None


def labels_of(
    results: Path, record: ImageRecord, threshold: float
) -> Iterator[tuple[str, np.ndarray]]:
    """Each kind of labels of a photograph, uint8 (H, W)."""

    def file(stage: str) -> Path:
        return image_file(stage, folder_of(results, stage), record.id)

    def read(stage: str) -> np.ndarray:
        return decode_labels(file(stage))

    def maps_of(stage: str) -> Maps:
        return read_maps(file(stage))

    yield "labels of the walk", read("teacher_labels")
    taught, labels, size = maps_of("teacher_maps")
    said = np.asarray(labels)[upsample(taught, size).argmax(0)]
    yield "the teacher's labels", resize_labels(said, (record.height, record.width))
    walk, spread = (
        upsample(maps_of(stage).maps, size) for stage in ("revised_maps", "revised_teacher_maps")
    )
    walk, spread = (maps / max(maps.max(initial=0.0), 1e-12) for maps in (walk, spread))
    taught = upsample(taught[1:], size)
    rows = [
        ("without CRF: the walk", []),
        ("  and the teacher", [taught]),
        ("  and this spread", [spread]),
        ("  and both", [taught, spread]),
    ]
    if (prior := prior_of(results, record)) is not None:
        rows += [
            ("  and a prior", [prior]),
            ("  prior and teacher", [prior, taught]),
            ("  prior and both", [prior, taught, spread]),
        ]
    for name, priors in rows:
        shown = np.array([0, *labels[1:]], np.uint8)[
            hard_labels(*with_priors(walk, priors, threshold))
        ]
        yield name, resize_labels(shown, (record.height, record.width))
    yield "pseudo labels", read("pseudo_labels")


def scores(
    results: Path, catalog: Catalog, records: list[ImageRecord], threshold: float
) -> dict[str, dict[str, ConfusionMatrix]]:
    """Kind of labels -> part of the photographs -> its pixels."""
    found: dict[str, dict[str, ConfusionMatrix]] = {}
    for number, record in enumerate(records):
        truth = read_truth(catalog, record)
        parts = ("all", PARTS[1 + number % 2], PARTS[3 if len(record.labels) == 1 else 4])
        for name, labels in labels_of(results, record, threshold):
            row = found.setdefault(
                name, {part: ConfusionMatrix(len(catalog.classes) + 1) for part in PARTS}
            )
            for part in parts:
                row[part].update(labels, truth)
    return found


def main(results: Path, threshold: float = 0.32) -> None:
    """Print the table."""
    dataset = folder_of(results, "dataset")
    catalog = read_catalog(dataset / "classes.json")
    records = [
        record
        for record in read_manifest(dataset / "images.csv")
        if record.split == "train" and record.mask
    ]
    if (results / "foreground").exists():
        records = [record for record in records if prior_of(results, record) is not None]
    print(f"{f'mIoU (%), {len(records)} photographs':<28}" + "".join(f"{p:>11}" for p in PARTS))
    for name, row in scores(results, catalog, records, threshold).items():
        print(f"{name:<28}" + "".join(f"{100 * row[part].mean_iou():>11.2f}" for part in PARTS))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
