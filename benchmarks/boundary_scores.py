"""Times the boundary scores of a photograph: 99 thresholds, two tolerances, one core.

Run as `python benchmarks/boundary_scores.py RESULTS`, with the folder of a finished experiment
whose photographs have masks, such as results/demo/base. Times are processor time, so that other
work on the machine hardly counts. Exits with 1 if a photograph takes more than 3 s on average,
scaled to 375x500 pixels.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.data.manifest import read_catalog, read_manifest
from bes.stages.boundary_scores import BoundaryScoreOptions
from bes.stages.shared.boundary_counts import COMPARED, counter

REQUIRED_SECONDS = 3.0
PIXELS = 375 * 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of an experiment")
    parser.add_argument("--images", type=int, default=20, help="photographs (default: 20)")
    args = parser.parse_args()
    options = BoundaryScoreOptions()
    dataset = args.results / "dataset"
    records = [r for r in read_manifest(dataset / "images.csv") if r.split == "train" and r.mask]
    records = records[:: max(len(records) // args.images, 1)][: args.images]
    count = counter(
        read_catalog(dataset / "classes.json"),
        {name: args.results / name for name in COMPARED},
        sbd=None,
        tolerances=options.tolerances,
        thresholds=options.thresholds,
        cam_threshold=options.cam_threshold,
    )
    count(records[0])  # imports, and tables that are made once
    seconds = []
    for record in records:
        begin = time.process_time()
        count(record)
        seconds.append((time.process_time() - begin) * PIXELS / (record.width * record.height))
    mean = statistics.fmean(seconds)
    print(f"{len(records)} photographs, {options.thresholds} thresholds, ", end="")
    print(f"tolerances {', '.join(map(str, options.tolerances))}; seconds for 375x500 pixels")
    print(f"mean {mean:.2f} (required: {REQUIRED_SECONDS:g}), median ", end="")
    print(f"{statistics.median(seconds):.2f}, longest {max(seconds):.2f}")
    return 0 if mean <= REQUIRED_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
