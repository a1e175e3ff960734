"""How revised maps and a foreground prior are best held together: mIoU without the dense CRF.

python benchmarks/foreground_prior.py results/photographs/base /data/saliency

Thresholds are chosen on every other photograph that has a prior, in the order of their names, and
the others scored. The last column needs no choice: the mean of 0.25 and 0.5.
"""

import sys
from pathlib import Path

import numpy as np

from bes.data.images import read_maps
from bes.data.manifest import read_catalog, read_manifest
from bes.data.outside_maps import read_foreground
from bes.data.truth import read_truth
from bes.data.working_size import resize_labels
from bes.method.foreground_prior import with_priors
from bes.method.hard_labels import upsample
from bes.metrics.iou import ThresholdCurve

GRID = [round(0.025 * step, 3) for step in range(1, 39)]
COMBINED = {
    "revised map": lambda scores, prior: scores,
    # The order of the classes is that of the scores, however little they weigh.
    "prior": lambda scores, prior: 0.001 * scores + 0.999 * prior,
    "mean": lambda scores, prior: with_priors(scores, [prior], 0.0)[0],
    "root mean square": lambda scores, prior: np.sqrt((scores**2 + prior**2) / 2),
    "geometric mean": lambda scores, prior: np.sqrt(scores * prior),
    "product": lambda scores, prior: scores * prior,
}


def main(results: Path, priors: Path) -> None:
    """Print a row for each way and kind of photograph."""
    catalog = read_catalog(results / "dataset" / "classes.json")
    records = [
        record
        for record in read_manifest(results / "dataset" / "images.csv")
        if record.split == "train" and record.mask and (priors / f"{record.id}.png").exists()
    ]
    n_labels = len(catalog.classes) + 1
    curves: dict[tuple[str, str, int], ThresholdCurve] = {}
    for number, record in enumerate(records):
        maps, classes, size = read_maps(results / "revised_maps" / f"{record.id}.npz")
        scores = upsample(maps, size)
        scores /= max(scores.max(initial=0.0), 1e-12)
        prior = read_foreground(priors / f"{record.id}.png", catalog, record)
        truth = resize_labels(read_truth(catalog, record), size)
        for way, combine in COMBINED.items():
            combined = combine(scores, prior).astype(np.float32)
            for kind in ("all", "one label" if len(classes) == 1 else "several"):
                curve = curves.setdefault((way, kind, number % 2), ThresholdCurve(n_labels, GRID))
                curve.update(combined, classes, truth)
    print(
        f"{len(records)} photographs; threshold, mIoU (%) chosen on, the other half; all at 0.375"
    )
    for (way, kind, half), even in curves.items():
        odd = curves.get((way, kind, 1))
        if half or odd is None:
            continue
        best = int(np.nanargmax(curves[way, "all", 0].mean_iou()))
        at = [100 * curve.mean_iou()[best] for curve in (even, odd)]
        fixed = 100 * (even + odd).mean_iou()[GRID.index(0.375)]
        print(f"{way:18}{kind:11}{GRID[best]:7.3f}{at[0]:8.1f}{at[1]:8.1f}{fixed:10.1f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
