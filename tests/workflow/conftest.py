"""A project with small photographs that was run once; each test gets a copy of it."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from filelock import FileLock
from small_network import SMALL_NETWORK
from warm import HANDED, Warm

from bes.data.manifest import ImageRecord, read_manifest
from bes.data.synthetic import CLASSES, generate
from bes.incremental.stage import (
    PerImageStage,
    TrainingStage,
    all_stages,
    is_per_image,
    per_image_stages,
    suffix_of,
)
from bes.method.dense_crf import DenseCrfSettings, refine_all
from bes.storage.layout import model_receipt

ROOT = Path(__file__).parents[2]
IMAGES, SPARE = 12, 3
SHARDS = 2
CONFIG: dict[str, Any] = {
    "name": "tiny",
    # In the order of the numbers in the masks.
    "dataset": {"kind": "folder", "root": "data/photographs", "classes": [*CLASSES]},
    "device": "cpu",
    "shards": SHARDS,
    "backbone": SMALL_NETWORK,
    "weights": "none",
    "classifier": {
        "batch_norm": "train",
        "frozen_stages": 0,
        "iterations": 6,
        "lr": 0.02,
        "momentum": 0.9,
        "batch_size": 4,
        "crop": 64,
        "resize_long": [64, 80],
    },
    "cams": {"scales": [1.0], "flip": False},
    # So that maps which have hardly learnt anything still have boundaries.
    "boundary_labels": {"theta_fg": 0.6, "theta_bg": 0.5, "window": 7, "crf_iterations": 2},
    "benet": {"weights": "classifier", "iterations": 2, "batch_size": 4, "crop": 64},
    "irnet": {
        **{"weights": "classifier", "iterations": 2, "batch_size": 4, "crop": 64},
        **{"theta_fg": 0.6, "theta_bg": 0.5, "crf_iterations": 2, "radius": 4},
    },
    "boundary_maps": {"flip": False},
    "pseudo_labels": {"threshold": 0.6, "crf_iterations": 2},
}
Done = subprocess.CompletedProcess[str]


class Project:
    """A working directory with the workflow, its package, photographs and perhaps results."""

    # One thread a job, so that the two cores import torch for two jobs at a time.
    SNAKEMAKE = (sys.executable, "-m", "snakemake", "--cores", "2", "--max-threads", "1")

    def __init__(self, path: Path, warm: Warm | None = None):
        self.path = path
        self.run_by(warm)

    @classmethod
    def create(cls, path: Path, warm: Warm | None = None) -> "Project":
        """Copy the workflow and draw photographs; the last ones are kept for later."""
        path.mkdir()
        # What is compiled of the dense CRF goes along: it takes longer than all jobs.
        for n_labels, maps in itertools.product((2, 3, 4), (1, 2)):
            labels = [np.array([[0, 1]])] * maps
            refine_all(np.zeros((1, 2, 3), np.uint8), labels, n_labels, DenseCrfSettings())
        for part in ("workflow", "bes", "config", "profiles", "envs"):
            ignored = shutil.ignore_patterns("*.pyc", "*.json.tmp", "code_digests.json")
            shutil.copytree(ROOT / part, path / part, ignore=ignored)
        shutil.copy2(ROOT / "Snakefile", path)
        project = cls(path, warm)
        generate(path / "data" / "scenes", images=IMAGES + SPARE, size=(64, 80), seed=0)
        for scene in sorted((path / "data/scenes/JPEGImages").iterdir())[:IMAGES]:
            project.add(scene.stem)
        project.configure({})
        return project

    def run_by(self, warm: Warm | None) -> None:
        """Have jobs run by a server that has its libraries imported, or each by itself."""
        self.server = warm
        if warm:
            self.SNAKEMAKE = (str(warm.python), *type(self).SNAKEMAKE[1:])

    def copy(self, path: Path) -> "Project":
        """The whole directory again, dates included."""

        def copy(source: str, target: str) -> None:
            # Networks are replaced, never written to.
            (os.link if source.endswith(".safetensors") else shutil.copy2)(source, target)

        shutil.copytree(self.path, path, copy_function=copy)
        return type(self)(path, self.server)

    # The photographs

    def add(self, scene: str) -> None:
        """Put a scene that was drawn among the photographs, with its mask and labels."""
        source, target = self.path / "data/scenes", self.path / "data/photographs"
        for name in (f"JPEGImages/{scene}.jpg", f"SegmentationClass/{scene}.png"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
        rows = (source / "labels.csv").read_text().splitlines()
        there = {path.name for path in (target / "JPEGImages").iterdir()}
        self.table([row for row in rows if row.split(",")[0] in there])

    def remove(self, scene: str) -> None:
        """Take a photograph away, with its mask and labels."""
        rows = (self.path / "data/photographs/labels.csv").read_text().splitlines()
        self.table([row for row in rows[1:] if not row.startswith(f"{scene}.jpg,")])
        (self.photograph(scene)).unlink()
        (self.path / "data/photographs/SegmentationClass" / f"{scene}.png").unlink()

    def table(self, rows: list[str]) -> None:
        """Write the label table."""
        text = "".join(f"{row}\n" for row in ["image,labels", *rows])
        (self.path / "data/photographs/labels.csv").write_text(text)

    def photograph(self, scene: str) -> Path:
        """The file of a photograph."""
        return self.path / "data/photographs/JPEGImages" / f"{scene}.jpg"

    def mask(self, scene: str) -> Path:
        """The file of a mask."""
        return self.path / "data/photographs/SegmentationClass" / f"{scene}.png"

    @property
    def spare(self) -> list[str]:
        """Scenes that are not among the photographs yet."""
        scenes = sorted(path.stem for path in (self.path / "data/scenes/JPEGImages").iterdir())
        return scenes[IMAGES:]

    # The configuration and the results

    def configure(self, changes: dict[str, Any]) -> None:
        """Write the configuration with changes to that of all tests; sections are merged."""
        config = dict(CONFIG)
        for key, value in changes.items():
            config[key] = config.get(key, {}) | value if isinstance(value, dict) else value
        (self.path / "config/config.yaml").write_text(yaml.safe_dump(config))

    def folder(self, stage: str, experiment: str = "base") -> Path:
        """The folder of a stage."""
        return self.path / "results" / "tiny" / experiment / stage

    def file(self, stage: str, number: int = 0) -> Path:
        """The file of the n-th photograph, or the network of a training."""
        if not is_per_image(stage):
            return self.folder(stage) / "model.safetensors"
        return self.folder(stage) / f"{self.records[number].id}{suffix_of(stage)}"

    @property
    def records(self) -> list[ImageRecord]:
        """The photographs of the manifest."""
        return read_manifest(self.folder("dataset") / "images.csv")

    def contents(self) -> dict[str, bytes]:
        """Every file that a stage made, without logs, benchmarks and memos."""
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in sorted((self.path / "results").rglob("*"))
            if path.is_file()
            and not {"_logs", "_benchmarks", "_memo"}.intersection(path.parts)
            # The first holds the date of the run, the other is Snakemake's.
            and path.name not in ("index.html", ".snakemake_timestamp")
            # What a killed job was writing; `bes clean` removes it.
            and not path.name.endswith(".tmp")
        }

    # Running

    @property
    def environment(self) -> dict[str, str]:
        """That of the jobs, which see neither the tests' package nor a scheduler, and keep what
        they compiled."""
        hidden = ("PYTHONPATH", "SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if key not in hidden}
        handed = {HANDED: str(self.server.socket)} if self.server else {}
        return kept | {"OMP_NUM_THREADS": "1", **handed}

    def command(self, *words: object) -> Done:
        """A command in this directory."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def start(self, *words: object, log: str = "stderr.txt") -> subprocess.Popen[str]:
        """A command in this directory that goes on alone, in a process group of its own, where it
        gets signals itself."""
        python, *rest = words
        if self.server and python == str(self.server.python):
            python = self.server.snakemake
        return subprocess.Popen(
            [str(word) for word in (python, *rest)],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.path / log).open("w"),
            start_new_session=True,
            text=True,
        )

    @staticmethod
    def jobs(run: subprocess.Popen[str], stage: str = "") -> list[psutil.Process]:
        """The processes of `python -m bes` that a run has started, of one stage or of all."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(run.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    words = child.cmdline()
                    if words[:1] != ["/bin/bash"] and "-m bes " + stage in " ".join(words):
                        found.append(child)
        return found

    def bes(self, *words: object) -> Done:
        """The command line of the package."""
        return self.command(
            self.server.python if self.server else sys.executable, "-m", "bes", *words
        )

    def snakemake(self, *words: object) -> Done:
        """The workflow; jobs that ran are in `computed`, not those of runs before."""
        for log in self.path.glob("results/*/*/*/_logs/*.log"):
            log.unlink()
        return self.command(*self.SNAKEMAKE, *words)

    def run(self, *words: object) -> dict[str, int]:
        """Run the workflow to the end; returns `computed`, and checks that it is then done."""
        done = self.snakemake(*words)
        assert done.returncode == 0, done.stderr[-4000:]
        computed = self.computed()
        again = self.command(*self.SNAKEMAKE, *words)
        assert "Nothing to be done" in again.stderr, again.stderr[:4000]
        return computed

    def is_done(self, *words: object) -> bool:
        """Whether another run would have nothing to do."""
        done = self.command(*self.SNAKEMAKE, *words)
        assert done.returncode == 0, done.stderr[-4000:]
        return "Nothing to be done" in done.stderr

    def computed(self, experiment: str = "base") -> dict[str, int]:
        """Stage -> files that the last run computed, by the logs of its jobs; none left out."""
        counts: dict[str, int] = {}
        for stage, declared in all_stages().items():
            if not isinstance(declared, PerImageStage | TrainingStage):
                continue
            for log in sorted((self.folder(stage, experiment) / "_logs").glob("*.log")):
                text = log.read_text()
                if is_per_image(stage):
                    found = re.search(rf"^{stage} \d+: (\d+) of \d+ to do$", text, re.MULTILINE)
                    count = int(found[1]) if found else 0
                else:
                    count = 0 if re.search(r": (up to date|kept)", text) else 1
                if count:
                    counts[stage] = counts.get(stage, 0) + count
        return counts

    def disturbed(self, receipts: dict[str, bytes]) -> set[str]:
        """The files that a run changed since `contents` was taken."""
        now = self.contents()
        return {
            name for name in receipts.keys() | now.keys() if receipts.get(name) != now.get(name)
        }


@pytest.fixture(scope="session")
def finished(shared_by_all: Path, warm: Warm) -> Project:
    """A project with all results, one for all processes of the tests; look, but do not touch."""
    folder = shared_by_all
    with FileLock(folder / "finished.lock"):
        if (folder / "finished").exists():
            return Project(folder / "finished", warm)
        project = Project.create(folder / "unfinished", warm)
        computed = project.run()
        assert computed == {"classifier": 1, "benet": 1} | dict.fromkeys(per_image_stages(), IMAGES)
        assert model_receipt(project.folder("benet")).exists()
        project.path.rename(folder / "finished")
    return Project(folder / "finished", warm)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished project."""
    copy = finished.copy(tmp_path / "project")
    yield copy
    shutil.rmtree(copy.path)


@pytest.fixture
def new_project(finished: Project, tmp_path: Path) -> Callable[[], Project]:
    """Makes a project without results."""

    def make() -> Project:
        path = tmp_path / "new"
        results = shutil.ignore_patterns("results", ".snakemake")
        shutil.copytree(finished.path, path, ignore=results)
        return Project(path, finished.server)

    return make
