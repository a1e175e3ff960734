"""Walks within the boundaries of two networks, and of both: mIoU without the dense CRF.

python benchmarks/boundary_networks.py results/photographs/base results/photographs/benet [EVERY]

for two finished experiments that have the CAMs of the first and differ in `boundary_maps.network`;
of their training photographs with masks every EVERY-th is taken. The maps are walked at 1/4, where
the masks are scored too. The threshold is the best one.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bes.data.images import read_boundary_map, read_maps
from bes.data.manifest import read_catalog, read_manifest
from bes.data.truth import read_truth
from bes.data.working_size import resize_labels
from bes.incremental.stage import image_file
from bes.method.random_walk import random_walk
from bes.metrics.iou import ThresholdCurve

GRID = [round(0.02 * step, 2) for step in range(5, 40)]
COMBINED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "first": lambda first, second: first,
    "second": lambda first, second: second,
    "mean": lambda first, second: (first + second) / 2,
    "geometric mean": lambda first, second: np.sqrt(first * second),
    "larger one": lambda first, second: np.maximum(first, second),
    "either, if independent": lambda first, second: 1 - (1 - first) * (1 - second),
}
BETA = 10.0


def main(first: Path, second: Path, every: int = 1) -> None:
    """Print a row for each way, its two halves being every other photograph."""
    catalog = read_catalog(first / "dataset" / "classes.json")
    records = [
        record
        for record in read_manifest(first / "dataset" / "images.csv")
        if record.split == "train" and record.mask
    ][::every]
    n_labels = len(catalog.classes) + 1
    curves = {way: [ThresholdCurve(n_labels, GRID) for _ in range(3)] for way in COMBINED}
    for number, record in enumerate(records):
        maps, classes, _ = read_maps(image_file("cams", first / "cams", record.id))
        boundaries = [
            read_boundary_map(image_file("boundary_maps", home / "boundary_maps", record.id))
            for home in (first, second)
        ]
        truth = resize_labels(read_truth(catalog, record), maps.shape[1:])
        for way, combine in COMBINED.items():
            boundary = torch.from_numpy(np.ascontiguousarray(combine(*boundaries)))
            walked = random_walk(torch.from_numpy(maps), boundary, beta=BETA, steps=256, radius=5)
            scores = (walked / walked.max().clamp_min(1e-12)).numpy().astype(np.float32)
            for part in (0, 1 + number % 2):
                curves[way][part].update(scores, classes, truth)
    print(f"{len(records)} photographs; mIoU (%) of all, of the halves; threshold")
    for way, (whole, *halves) in curves.items():
        at = int(np.argmax(whole.mean_iou()))
        figures = " ".join(f"{100 * curve.mean_iou()[at]:6.2f}" for curve in (whole, *halves))
        print(f"{way:<24} {figures}   {GRID[at]:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
