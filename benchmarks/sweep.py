"""Times a sweep of 20 settings of the boundary labels, and looks that no CAM is computed for it.

Run as `python benchmarks/sweep.py`, with two CPU cores. Draws small scenes, runs the workflow on
them once, then `snakemake fig3a` of config/studies/fig3.yaml. The stages concerned are those from
the boundary labels to the evaluation; what one setting costs is the time of their jobs in the first
run, one after the other. Exits with 1 if a CAM is computed or the sweep takes longer than 20 times
that.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SETTINGS = 20
CONCERNED = (
    "boundary_labels",
    "benet",
    "boundary_maps",
    "revised_maps",
    "pseudo_labels",
    "evaluation",
)
CONFIG = {
    "name": "sweep",
    "dataset": {"kind": "synthetic", "root": "scenes", "images": 20, "size": [96, 128]},
    "device": "cpu",
    "shards": 1,
    "classifier": {"epochs": 2.0, "batch_size": 8, "crop": 96, "resize_long": [96, 128]},
    "benet": {"iterations": 10, "crop": 96},
    "evaluation": {"cam_threshold": 0.3},
}


def snakemake(folder: Path, *targets: str) -> tuple[float, str]:
    """Run targets in a folder; the seconds it took and what it printed."""
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2", "--max-threads", "1"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile"]
    command += [str(ROOT / "config" / "config.yaml"), str(folder / "config.yaml")]
    command += [str(ROOT / "config" / "studies" / "fig3.yaml")]
    begin = time.perf_counter()
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr[-5000:])
    return time.perf_counter() - begin, done.stderr


def seconds(stage: Path) -> float:
    """What the jobs of a stage took, by Snakemake's benchmarks."""
    return sum(
        float(next(csv.DictReader(file.read_text().splitlines(), delimiter="\t"))["s"])
        for file in (stage / "_benchmarks").glob("*.tsv")
    )


def cams(results: Path) -> dict[Path, int]:
    """Every file in a folder of CAMs, with the time at which it was written."""
    return {path: path.stat().st_mtime_ns for path in results.glob("*/cams/*.npz")}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bes-sweep-") as name:
        folder = Path(name)
        results = folder / "results" / "sweep"
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
        snakemake(folder, str(Path("results/sweep/base/evaluation/scores.json")))
        before = cams(results)
        took, _ = snakemake(folder, "fig3a")
        computed = {path for path, date in cams(results).items() if before.get(path) != date}
        one = {stage: seconds(results / "base" / stage) for stage in CONCERNED}
        again, output = snakemake(folder, "fig3a")
        idle = "Nothing to be done" in output
        # The setting of the first run has no folder of its own.
        table = (results / "comparisons" / "fig3a" / "scores.csv").read_text()
        scored = len(list(csv.DictReader(table.splitlines())))
        print((results / "comparisons" / "fig3a" / "table.md").read_text())
    print(", ".join(f"{stage} {time:.1f} s" for stage, time in one.items()))
    limit = SETTINGS * sum(one.values())
    print(f"settings scored           {scored} (expected: {SETTINGS})")
    print(f"CAMs computed             {len(computed)} of {len(before)} (expected: 0)")
    print(f"one setting, job by job   {sum(one.values()):.1f} s")
    print(f"sweep                     {took:.0f} s (at most: {limit:.0f} s)")
    print(f"once more                 {again:.1f} s, nothing to be done: {idle}")
    return 0 if scored == SETTINGS and not computed and took <= limit and idle else 1


if __name__ == "__main__":
    sys.exit(main())
