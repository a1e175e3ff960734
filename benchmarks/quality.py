"""Measures how well the ranking of the labels agrees with the masks, which it has not seen.

Run from the root of the repository as `python benchmarks/quality.py --results results/demo/base`,
where the training photographs have masks and the run is finished. The truth that score and signals
are compared with is, for each photograph, the mean IoU of its pseudo label over the background and
the classes that occur in its mask or its label; void pixels do not count.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.data.images import decode_labels
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.data.ranking import RankedLabel, read_ranking
from bes.data.truth import read_truth
from bes.incremental.stage import image_file
from bes.method.trust import Signals
from bes.metrics.iou import ConfusionMatrix

RESAMPLES = 2000
FIFTHS = 5


def iou_of(record: ImageRecord, catalog: Catalog, labels: Path) -> float:
    """Mean IoU of the pseudo label of one photograph, NaN if its mask is all void."""
    matrix = ConfusionMatrix(len(catalog.classes) + 1)
    matrix.update(
        decode_labels(image_file("pseudo_labels", labels, record.id)), read_truth(catalog, record)
    )
    return matrix.mean_iou()


def correlation(values: np.ndarray, truth: np.ndarray) -> float:
    """Spearman's; NaN where the values are all the same."""
    if len(values) < 3 or np.ptp(values) == 0:
        return float("nan")
    return float(spearmanr(values, truth).statistic)


def interval(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the correlations of photographs drawn with replacement."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.nanpercentile([correlation(values[d], truth[d]) for d in drawn], [2.5, 97.5])
    return float(low), float(high)


def print_correlations(rows: list[RankedLabel], truth: np.ndarray) -> None:
    """A line for the score and for each signal: all photographs, parts of them, halves."""
    single = np.array([len(row.labels) == 1 for row in rows])
    half = np.argsort(np.argsort([row.image for row in rows])) % 2 == 0
    parts = {
        "all": np.full(len(rows), True),
        "one class": single,
        "more": ~single,
        "half A": half,
        "half B": ~half,
    }
    print(f"{'Spearman with the IoU':<24}" + "".join(f"{name:>11}" for name in parts))
    print(f"{'photographs':<24}" + "".join(f"{part.sum():>11}" for part in parts.values()))
    for name in ("score", *Signals._fields):
        values = np.array([getattr(row, name) for row in rows])
        found = (correlation(values[part], truth[part]) for part in parts.values())
        print(f"{name:<24}" + "".join(f"{value:>11.2f}" for value in found))
    low, high = interval(np.array([row.score for row in rows]), truth)
    print(f"score, 95 % of {RESAMPLES} resamples: {low:.2f} to {high:.2f}")


def print_fifths(truth: np.ndarray) -> None:
    """Mean IoU, and the share of the worst tenth of all labels, in each fifth of the ranking."""
    worst = truth <= np.quantile(truth, 0.1)
    print(f"\n{'fifth of the ranking':<24}{'mean IoU %':>12}{'of the worst tenth %':>24}")
    for number, part in enumerate(np.array_split(np.arange(len(truth)), FIFTHS), start=1):
        share = 100 * worst[part].sum() / worst.sum()
        print(f"{number:<24}{100 * truth[part].mean():>12.1f}{share:>24.0f}")


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--results", type=Path, required=True, help="folder of an experiment: results/NAME/base"
    )
    results = parser.parse_args().results
    catalog = read_catalog(results / "dataset" / "classes.json")
    records = {record.id: record for record in read_manifest(results / "dataset" / "images.csv")}
    rows = [r for r in read_ranking(results / "quality" / "ranking.csv") if records[r.image].mask]
    found = [iou_of(records[row.image], catalog, results / "pseudo_labels") for row in rows]
    rows = [row for row, iou in zip(rows, found, strict=True) if not np.isnan(iou)]
    truth = np.array([iou for iou in found if not np.isnan(iou)])
    if not rows:
        sys.exit(f"{results}: found no training photograph with a mask, expected some")
    print_correlations(rows, truth)
    doubtful = sum(row.doubtful for row in rows)
    print(f"empty, or as no label should look: {doubtful} of {len(rows)}")
    print_fifths(truth)


if __name__ == "__main__":
    main()
