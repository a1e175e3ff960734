"""Times the workflow itself at the size of PASCAL VOC, with the work taken out of every stage.

Run as `python benchmarks/workflow_scale.py`, with two CPU cores and 1 GB of disk for temporary
files and nothing else at work. Draws tiny photographs and runs the real Snakefile on them. What the
per-image stages, the trainings and the report compute is replaced by ready-made files (see
stand_in/), which take no time; the photographs are read for real, and without masks there are no
scores. So all of the time counts as the workflow's own. How fast the machine is, a Snakefile of one
empty rule tells: beside each time stands how many times that it is. Exits with 1 where a figure
falls short.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.data.images import (
    encode_boundary_labels,
    encode_boundary_map,
    encode_labels,
    encode_maps,
)
from bes.incremental.stage import image_file, per_image_stages
from bes.method.boundary_labels import BoundaryLabel

ROOT = Path(__file__).parents[1]
HEIGHT, WIDTH = 24, 32
ADDED = 10

SNAKEMAKE = """
import sys, time
from snakemake import cli, workflow

include, times = workflow.Workflow.include, []

def timed(*args, **kwargs):
    begin = time.perf_counter()
    include(*args, **kwargs)
    times.append(time.perf_counter() - begin)

workflow.Workflow.include = timed
try:
    cli.main()
finally:
    print("Snakefile read in", max(times, default=0), "s, torch imported:", "torch" in sys.modules)
"""
"""`snakemake`, which says at its end how long the Snakefile took and whether it imported torch."""


class Run:
    """A call of `snakemake`."""

    def __init__(self, arguments: list[str], environment: dict[str, str]):
        with tempfile.NamedTemporaryFile("w", delete=False) as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SNAKEMAKE, *arguments],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._output = Path(output.name)
        self.begin = time.time()
        self.peak = 0.0
        """The largest resident memory of the main process, MB."""

    def wait(self) -> "Run":
        """Let it end."""
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None:
            # The kernel keeps the peak, so no more is missed than what follows the last look.
            if peak := re.search(r"VmHWM:\s*(\d+) kB", status.read_text()):
                self.peak = int(peak[1]) * 1024 / 1e6
            time.sleep(0.02)
        self.seconds = time.time() - self.begin
        self.status = self._process.returncode
        self.output = self._output.read_text(encoding="utf-8")
        self._output.unlink()
        return self


class Workflow:
    """The Snakefile at work in a folder."""

    def __init__(self, folder: Path, *, shards: int):
        self.folder = folder
        self.photographs = folder / "photographs"
        self.results = folder / "results" / "scale" / "base"
        self.labels = "image,labels\n"
        self.peak = 0.0
        """The largest resident memory of a main process so far, MB."""
        config = {
            "name": "scale",
            "dataset": {"root": str(self.photographs)},
            "shards": shards,
            "policy": "frozen",
            "device": "cpu",
            "report": {"images": 0},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        (folder / "stand_ins").mkdir()
        for name, content in ready_made_files().items():
            (folder / "stand_ins" / name).write_bytes(content)
        self.photographs.mkdir()

    def add_photographs(self, numbers: range) -> None:
        """Draw photographs, no two alike, and label them."""
        for number in numbers:
            pixels = np.full((HEIGHT, WIDTH), number % 256, np.uint8)
            pixels[:, WIDTH // 2 :] = 4 * (number // 256)
            Image.fromarray(pixels).convert("RGB").save(self.photographs / f"{number}.jpg")
            self.labels += f"{number}.jpg,{'cat' if number % 2 else 'dog'}\n"
        (self.photographs / "labels.csv").write_text(self.labels, encoding="utf-8")

    def start(self, *arguments: str) -> Run:
        """Start `snakemake`."""
        paths = {
            "--snakefile": ROOT / "Snakefile",
            "--directory": self.folder,
            "--configfile": self.folder / "config.yaml",
        }
        common = [str(word) for flag in paths.items() for word in flag]
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "benchmarks" / "stand_in"),
            "STAND_INS": str(self.folder / "stand_ins"),
        }
        # Containers set it, and every job would compile the package anew.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return Run(["--cores", "2", *common, *arguments], environment)

    def run(self, *arguments: str) -> Run:
        """Run `snakemake` to its end; a failure ends the benchmark."""
        run = self.start(*arguments).wait()
        if run.status != 0:
            sys.exit(f"{run.output[-5000:]}\nsnakemake ended with status {run.status}")
        self.peak = max(self.peak, run.peak)
        return run

    def file(self, stage: str, number: int) -> Path:
        """What a per-image stage wrote for a photograph."""
        return image_file(stage, self.results / stage, str(number))

    def computed(self, run: Run) -> str:
        """The images that each per-image stage computed in a run, by the logs of its jobs."""
        counts = [
            sum(
                int(count)
                for log in (self.results / stage / "_logs").glob("*.log")
                if log.stat().st_mtime > run.begin
                for count in re.findall(r": (\d+) of \d+ to do", log.read_text(encoding="utf-8"))
            )
            for stage in per_image_stages()
        ]
        return " ".join(map(str, counts))

    def jobs(self) -> int:
        """The jobs of the last run, without the one that only asks for files."""
        log = max((self.folder / ".snakemake" / "log").glob("*.log"))
        finished = r"Finished jobid: \d+ \(Rule: (?!all\))"
        return len(re.findall(finished, log.read_text(encoding="utf-8")))


class Table:
    """The figures beside their limits."""

    def __init__(self, nothing: float) -> None:
        self.short = 0
        self.nothing = nothing
        """Seconds of a Snakefile of one empty rule."""
        print(f"{'figure':<34}{'at most':>31}{'measured':>31}")

    def at_most(self, figure: str, limit: float, measured: float, unit: str) -> None:
        """Print a figure."""
        times = f" ({measured / self.nothing:.1f} times)" if unit == "s" else ""
        self._row(figure, f"{limit:g} {unit}", f"{measured:.2f} {unit}{times}", measured <= limit)

    def just(self, figure: str, expected: object, found: object) -> None:
        """Print what must be just so."""
        self._row(figure, str(expected), str(found), expected == found)

    def idle(self, workflow: Workflow) -> Run:
        """Run `snakemake` once more: there must be nothing to do."""
        run = workflow.run()
        self.just("  then nothing to be done", True, "Nothing to be done" in run.output)
        return run

    def beside(self, figure: str, measured: float, unit: str) -> None:
        """Print what has no limit."""
        self._row(figure, "", f"{measured:.2f} {unit}", True)

    def _row(self, figure: str, limit: str, measured: str, good: bool) -> None:
        self.short += not good
        note = "" if good else "  falls short"
        print(f"{figure:<34}{limit:>31}{measured:>31}{note}", flush=True)


def ready_made_files() -> dict[str, bytes]:
    """A valid file of each per-image stage, and a network without layers."""
    whole, quarter = (HEIGHT, WIDTH), (HEIGHT // 4, WIDTH // 4)
    maps = encode_maps(np.full((1, *quarter), 0.5), [1], whole)
    boundary_map = encode_boundary_map(np.full(quarter, 0.5))
    labels = np.full(whole, BoundaryLabel.BOUNDARY_FG_BG, np.uint8)
    header = b"{}"
    return {
        "cams": maps,
        "boundary_labels": encode_boundary_labels(labels),
        "boundary_maps": boundary_map,
        "revised_maps": maps,
        "pseudo_labels": encode_labels(np.ones(whole, np.uint8)),
        "model": len(header).to_bytes(8, "little") + header,
    }


def disk_use(folder: Path) -> float:
    """What the files below a folder take of the disk, MB."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) / 1e6


def seconds_of_nothing(folder: Path) -> float:
    """How long Snakemake itself takes to find that there is nothing to do."""
    snakefile = folder / "nothing.smk"
    snakefile.write_text("rule nothing:\n", encoding="utf-8")
    words = ["--cores", "2", "--snakefile", str(snakefile), "--directory", str(folder)]
    return Run(words, dict(os.environ)).wait().seconds


def measure(workflow: Workflow, table: Table, images: int) -> None:
    """Go through the events, each followed by a run that must find nothing to do."""
    table.beside("Snakemake with one empty rule", table.nothing, "s")
    workflow.add_photographs(range(images))
    first = workflow.run("--dry-run")
    table.at_most("dry-run, nothing done yet", 8, first.seconds, "s")

    full = workflow.run()
    table.at_most("full run", 120, full.seconds, "s")
    table.just(
        "  images computed in each stage",
        " ".join([str(images)] * len(per_image_stages())),
        workflow.computed(full),
    )
    idle = table.idle(workflow)
    table.at_most("no-op after everything is done", 5, idle.seconds, "s")
    read = re.search(r"Snakefile read in (\S+) s, torch imported: (\w+)", idle.output)
    assert read is not None, idle.output
    table.at_most("reading the Snakefile", 1, float(read[1]), "s")
    table.just("  torch imported", "False", read[2])

    one_cam = "1 0 0 0 0"
    workflow.file("cams", 0).unlink()
    mended = workflow.run()
    table.at_most("one CAM deleted", 6, mended.seconds, "s")
    table.at_most("  jobs", 10, workflow.jobs(), "jobs")
    table.just("  images computed in each stage", one_cam, workflow.computed(mended))
    table.idle(workflow)

    workflow.add_photographs(range(images, images + ADDED))
    grown = workflow.run()
    table.at_most(f"{ADDED} images added, frozen", 30, grown.seconds, "s")
    table.just(
        "  images computed in each stage",
        " ".join([str(ADDED)] * len(per_image_stages())),
        workflow.computed(grown),
    )
    table.idle(workflow)

    workflow.file("cams", 1).unlink()
    both = [workflow.start(), workflow.start()]
    done, other = sorted((run.wait() for run in both), key=lambda run: run.status)
    # The other is refused, or comes when there is nothing left to do.
    refused = other.status == 1 and "cannot be locked" in other.output
    table.just("one CAM deleted, two at once", 0, done.status)
    table.just("  the other is in nobody's way", True, refused or other.status == 0)
    table.just("  images computed in each stage", one_cam, workflow.computed(done))
    table.idle(workflow)

    metadata = disk_use(workflow.folder / ".snakemake" / "metadata")
    table.at_most("peak memory of the main process", 300, workflow.peak, "MB")
    table.at_most("Snakemake's metadata on disk", 2, metadata, "MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10582, help="photographs (default: 10582)")
    parser.add_argument("--shards", type=int, default=41, help="jobs of a stage (default: 41)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bes-scale-") as folder:
        table = Table(seconds_of_nothing(Path(folder)))
        measure(Workflow(Path(folder), shards=args.shards), table, args.images)
    return 1 if table.short else 0


if __name__ == "__main__":
    sys.exit(main())
