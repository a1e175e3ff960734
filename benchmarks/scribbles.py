"""Measures how much a few scribbles mend, with strokes drawn from masks, and how long each takes.

Run from the root of the repository as `python benchmarks/scribbles.py --results results/demo/base`,
where the training photographs have masks and the run is finished. As in `bes review` each stroke is
solved before the next one is drawn. A stroke goes along the longest line of the skeleton of the
largest fault: the largest patch of one true label that the label at hand has not, without a margin
of a few pixels, which nobody would draw in. The photographs are the first of the ranking, or with
`--spread` evenly spaced in it. Times are CPU seconds on one core. Fails where a stroke takes 1 s or
more in the median.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.ranking import read_ranking
from bes.data.truth import VOID, read_truth
from bes.data.working_size import resize_labels
from bes.incremental.stage import image_file
from bes.metrics.boundary import thin
from bes.metrics.iou import ConfusionMatrix
from bes.review.photograph import Photograph
from bes.review.strokes import Stroke
from bes.stages.shared.walk_labels import PseudoLabelOptions
from bes.stages.shared.walked_maps import WalkOptions

BOUND = 1.0
"""Seconds that a stroke may take, median."""
MARGIN = 3
"""Pixels from its edge that a fault is not drawn in."""


def largest_fault(label: np.ndarray, truth: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The true label of the largest patch that is labelled otherwise, and the patch."""
    best: tuple[int, int, np.ndarray] | None = None
    for value in np.unique(truth[truth != VOID]):
        wrong = (truth == value) & (label != value)
        inside = ndimage.distance_transform_edt(np.pad(wrong, 1))[1:-1, 1:-1] > MARGIN
        patches, count = ndimage.label(inside)
        if count:
            sizes = np.bincount(patches.ravel())[1:]
            if best is None or sizes.max() > best[0]:
                best = int(sizes.max()), int(value), patches == sizes.argmax() + 1
    return best and best[1:]


def farthest(line: np.ndarray, start: tuple[int, int]) -> list[tuple[int, int]]:
    """The way from the start to the pixel of the line that is farthest along it."""
    before: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
    row = [start]
    for y, x in row:
        for dy, dx in np.ndindex(3, 3):
            to = (y + dy - 1, x + dx - 1)
            inside = 0 <= to[0] < line.shape[0] and 0 <= to[1] < line.shape[1]
            if inside and line[to] and to not in before:
                before[to] = (y, x)
                row.append(to)
    way: list[tuple[int, int]] = []
    at: tuple[int, int] | None = row[-1]
    while at is not None:
        way.append(at)
        at = before[at]
    return way


def stroke_in(patch: np.ndarray, name: str, width: float) -> Stroke:
    """A stroke along the longest line of the patch's skeleton."""
    line = thin(np.pad(patch, 1))[1:-1, 1:-1] > 0
    if not line.any():
        line = patch
    way = farthest(line, farthest(line, tuple(np.argwhere(line)[0]))[0])
    return Stroke("scribble", name, width, tuple((x + 0.5, y + 0.5) for y, x in way))


def scribble(
    photograph: Photograph, truth: np.ndarray, *, strokes: int, width: float
) -> Iterator[tuple[np.ndarray, float]]:
    """The label before, and after each stroke, with the seconds that it took."""
    names = ("background", *photograph.catalog.classes)
    drawn: tuple[Stroke, ...] = ()
    label = photograph.label(None, drawn)
    yield label, 0.0
    photograph.label(None, (Stroke("brush", None, 1, ((0, 0),)),))  # reads the photograph
    for _ in range(strokes):
        seconds = 0.0
        if fault := largest_fault(label, truth):
            drawn += (stroke_in(fault[1], names[fault[0]], width),)
            start = time.process_time()
            label = photograph.label(None, drawn)
            seconds = time.process_time() - start
        yield label, seconds


def main() -> None:
    """Print mIoU and time after each stroke."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--results", type=Path, required=True, help="folder of an experiment: results/NAME/base"
    )
    parser.add_argument("--photographs", type=int, default=40)
    parser.add_argument("--strokes", type=int, default=3)
    parser.add_argument("--width", type=float, default=6, help="of a stroke, pixels")
    parser.add_argument("--beta", type=float, default=WalkOptions.beta)
    parser.add_argument("--spread", action="store_true", help="evenly spaced in the ranking")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    results: Path = args.results
    catalog = read_catalog(results / "dataset" / "classes.json")
    records = {record.id: record for record in read_manifest(results / "dataset" / "images.csv")}
    ranked = [r for r in read_ranking(results / "quality" / "ranking.csv") if records[r.image].mask]
    if not ranked:
        sys.exit(f"{results}: found no training photograph with a mask, expected some")
    every = max(len(ranked) // args.photographs, 1) if args.spread else 1

    def computed(record: ImageRecord) -> bytes:
        return image_file("pseudo_labels", results / "pseudo_labels", record.id).read_bytes()

    totals = [ConfusionMatrix(len(catalog.classes) + 1) for _ in range(args.strokes + 1)]
    single: list[list[float]] = []
    times, pixels = [], []
    for row in ranked[::every][: args.photographs]:
        record = records[row.image]
        boundary = image_file("boundary_maps", results / "boundary_maps", record.id)
        photograph = Photograph(
            catalog,
            record,
            boundary=boundary,
            computed=computed,
            walk=WalkOptions(beta=args.beta),
            labels=PseudoLabelOptions(),
        )
        truth = resize_labels(read_truth(catalog, record), photograph.size)
        scores = []
        for total, (label, seconds) in zip(
            totals,
            scribble(photograph, truth, strokes=args.strokes, width=args.width),
            strict=True,
        ):
            total.update(label, truth)
            one = ConfusionMatrix(len(catalog.classes) + 1)
            one.update(label, truth)
            scores.append(100 * one.mean_iou())
            times += [seconds] if seconds else []
        single.append(scores)
        pixels.append(photograph.size[0] * photograph.size[1])
    print(f"{len(single)} photographs, {np.median(pixels):.0f} pixels (median)")
    print(f"{'strokes':<10}{'mIoU %':>8}{'gain':>8}{'mean of photographs':>22}")
    means = np.mean(single, axis=0)
    for number, total in enumerate(totals):
        miou, before = 100 * total.mean_iou(), 100 * totals[0].mean_iou()
        print(f"{number:<10}{miou:>8.1f}{miou - before:>+8.1f}{means[number]:>22.1f}")
    worse = np.mean(np.array(single)[:, -1] < np.array(single)[:, 0])
    print(f"worse than before: {100 * worse:.0f} % of the photographs")
    print(
        f"seconds a stroke: median {np.median(times):.2f}, longest {np.max(times):.2f}, "
        f"{len(times)} strokes"
    )
    if np.median(times) >= BOUND:
        sys.exit(f"expected a median below {BOUND} s")


if __name__ == "__main__":
    main()
