"""Whatever happens to a project, plain reruns end with what a run from scratch gives.

Random events, each followed by a plain `snakemake`; after damage that keeps a file's size
`bes verify` comes first. In the end every file is compared, byte for byte, with those of a run on
the same inputs without results. BES_FUZZ=100 tries as many sequences; a failure names its seed.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bes.incremental.stage import per_image_stages

SEQUENCES = int(os.environ.get("BES_FUZZ", "2"))
EVENTS = 4 if SEQUENCES <= 2 else 6
FAILING = ("dataset", "classifier", "benet", *per_image_stages(), "evaluation", "quality", "report")
DIES = """
import os, sys
if sys.orig_argv[1:4] == ["-m", "bes", "{stage}"]:
    os.kill(os.getpid(), 9)
"""
"""A `sitecustomize` with which a job of one stage is killed as soon as it starts."""


class Events:
    """What may happen, each a method that does it and returns it in words."""

    def __init__(self, project: Any, chance: random.Random):
        self.project, self.chance = project, chance
        self.config: dict[str, Any] = {}
        self.silent = False
        """The last event did damage that shows in the bytes alone."""

    # Where things are

    @property
    def root(self) -> Path:
        return self.project.path / "data/photographs"

    def photographs(self) -> list[Path]:
        return sorted((self.root / "JPEGImages").iterdir())

    def rows(self) -> list[str]:
        return (self.root / "labels.csv").read_text().splitlines()[1:]

    def results(self) -> list[Path]:
        """Every file of a result, what is kept and remembered of it among them."""
        return [
            path
            for path in sorted((self.project.path / "results").rglob("*"))
            if path.is_file() and "_logs" not in path.parts and path.suffix != ".lock"
        ]

    def one(self) -> Path:
        return self.chance.choice([path for path in self.results() if path.stat().st_size])

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.project.path))

    # Damage to results

    def delete(self) -> str:
        files = self.chance.sample(self.results(), self.chance.choice([1, 1, 3, 10]))
        for file in files:
            file.unlink()
        return "delete " + " ".join(map(self.name, files))

    def remove_folder(self) -> str:
        folders = [p for p in sorted((self.project.path / "results").rglob("*")) if p.is_dir()]
        folder = self.chance.choice([p for p in folders if "_logs" not in p.parts])
        shutil.rmtree(folder)
        return f"remove {self.name(folder)}"

    def truncate(self) -> str:
        file = self.one()
        size = self.chance.choice([0, file.stat().st_size // 2, file.stat().st_size - 1])
        os.truncate(file, size)
        self.silent = size > 0
        return f"cut {self.name(file)} to {size}"

    def flip(self) -> str:
        file = self.one()
        content, found = bytearray(file.read_bytes()), file.stat()
        content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
        file.write_bytes(content)
        if self.chance.random() < 0.5:
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
        self.silent = True
        return f"flip a bit of {self.name(file)}"

    def overwrite(self) -> str:
        file = self.one()
        file.write_bytes(self.chance.choice([bytes(file.stat().st_size), b"{", b"\xff\xd8 text"]))
        self.silent = True
        return f"overwrite {self.name(file)}"

    def exchange(self) -> str:
        stage = self.chance.choice(per_image_stages())
        files = [p for p in self.results() if p.parent.name == stage and p.suffix != ".json"]
        one, other = self.chance.sample(files, 2)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        self.silent = True
        return f"exchange {self.name(one)} and {other.name}"

    # Dates and copies

    def touch(self) -> str:
        date = time.time() + self.chance.choice([-1e6, 0.0, 86400.0])
        files = self.results()
        for file in self.chance.sample(files, self.chance.choice([1, 5, len(files)])):
            os.utime(file, (date, date))
        return f"date results {date - time.time():+.0f} s"

    def forget_snakemake(self) -> str:
        shutil.rmtree(self.project.path / ".snakemake")
        return "remove .snakemake"

    # Photographs, labels, masks, lists

    def add(self) -> str:
        there = {path.stem for path in self.photographs()}
        scenes = self.project.path / "data/scenes"
        spare = sorted(p.stem for p in (scenes / "JPEGImages").iterdir() if p.stem not in there)
        scene = self.chance.choice(spare)
        row = next(
            row
            for row in (scenes / "labels.csv").read_text().splitlines()
            if row.startswith(f"{scene}.jpg,")
        )
        for part in (f"JPEGImages/{scene}.jpg", f"SegmentationClass/{scene}.png"):
            shutil.copy2(scenes / part, self.root / part)
        self.project.table(sorted({*self.rows(), row}))
        return f"add {scene}"

    def remove(self) -> str:
        scene = self.chance.choice(self.photographs()).stem
        self.project.table([row for row in self.rows() if not row.startswith(f"{scene}.jpg,")])
        for part in ("JPEGImages", "SegmentationClass", "corrections"):
            for file in (self.root / part).glob(f"{scene}.*"):
                file.unlink()
        return f"remove {scene}"

    def rename(self) -> str:
        scene = self.chance.choice(self.photographs()).stem
        name = f"it's {self.chance.randrange(1000)}"
        for part in ("JPEGImages", "SegmentationClass", "corrections"):
            for file in (self.root / part).glob(f"{scene}.*"):
                file.rename(file.with_name(name + file.suffix))
        self.project.table([row.replace(f"{scene}.jpg,", f"{name}.jpg,") for row in self.rows()])
        return f"rename {scene} to {name}"

    def replace(self) -> str:
        file = self.chance.choice(self.photographs())
        found, pixels = file.stat(), 255 - np.asarray(Image.open(file))
        Image.fromarray(pixels).save(file, quality=90)
        if self.chance.random() < 0.5:
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
        return f"replace {file.stem}"

    def swap(self) -> str:
        one, other = self.chance.sample(self.photographs(), 2)
        away = one.with_suffix(".away")
        one.rename(away)
        other.rename(one)
        away.rename(other)
        return f"swap {one.stem} and {other.stem}"

    def label(self) -> str:
        rows = self.rows()
        number = self.chance.randrange(len(rows))
        name = rows[number].split(",")[0]
        classes = sorted({word for row in rows for word in row.split(",")[1].split()})
        labels = self.chance.sample(classes, self.chance.randint(0, 2))
        rows[number] = f"{name},{' '.join(labels)}"
        self.project.table(rows)
        return f"label {rows[number]}"

    def mask(self) -> str:
        file = self.chance.choice(sorted((self.root / "SegmentationClass").iterdir()))
        if self.chance.random() < 0.4:
            file.unlink()
            return f"remove mask {file.stem}"
        pixels = np.array(Image.open(file))
        pixels[: len(pixels) // 3] = 0
        Image.fromarray(pixels).save(file)
        return f"change mask {file.stem}"

    def correct(self) -> str:
        folder = self.root / "corrections"
        folder.mkdir(exist_ok=True)
        self.configure(dataset={"corrections": "corrections"})
        there = sorted(folder.iterdir())
        if there and self.chance.random() < 0.5:
            file = self.chance.choice(there)
            file.unlink()
            return f"take back correction of {file.stem}"
        scene = self.chance.choice(self.photographs())
        pixels = np.zeros(np.asarray(Image.open(scene)).shape[:2], np.uint8)
        pixels[: self.chance.randint(1, 60)] = 255
        Image.fromarray(pixels).save(folder / f"{scene.stem}.png")
        return f"correct {scene.stem}"

    # Settings

    def configure(self, **changes: dict[str, Any] | Any) -> str:
        self.config |= changes
        self.project.configure(self.config)
        return f"configure {changes}"

    def setting(self) -> str:
        threshold = {"pseudo_labels": {"threshold": 0.9}}
        choices: list[dict[str, Any]] = [
            {"shards": self.chance.choice([1, 3, 5])},
            {"seed": self.chance.choice([0, 1])},
            {"policy": self.chance.choice(["auto", "frozen"])},
            {"pseudo_labels": {"threshold": self.chance.choice([0.3, 0.6, 0.9])}},
            {"cams": {"flip": self.chance.choice([True, False])}},
            {"revised_maps": {"steps": self.chance.choice([1, 16])}},
            {"evaluation": {"cam_threshold": self.chance.choice([0.1, 0.3])}},
            {"report": {"images": self.chance.choice([0, 3, 40])}},
            {"classifier": {"iterations": self.chance.choice([5, 6])}},
            {"experiments": self.chance.choice([{}, {"a": threshold}, {"a": {"seed": 2}}])},
            {"sweeps": {"s": {"pseudo_labels": {"threshold": [0.3, 0.5]}}}},
        ]
        return self.configure(**self.chance.choice(choices))

    def settings_back(self) -> str:
        self.config.clear()
        return self.configure()

    # Runs that do not end well

    def fail(self) -> str:
        """An input changes, and a job of the run is killed once."""
        happened = self.chance.choice([self.label, self.mask, self.replace, self.setting])()
        stage = self.chance.choice(FAILING)
        folder = self.project.path / "fail"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(DIES.format(stage=stage))
        words = ["env", f"PYTHONPATH={folder}", *self.project.SNAKEMAKE]
        status = self.project.command(*words).returncode
        shutil.rmtree(folder)
        return f"{happened}; {stage} killed, status {status}"

    def kill(self) -> str:
        """An input changes, and the run is ended at some moment."""
        happened = self.chance.choice([self.label, self.mask, self.setting, self.remove_folder])()
        run = self.project.start(*self.project.SNAKEMAKE)
        time.sleep(self.chance.uniform(0.5, 8))
        how = self.chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        with suppress(ProcessLookupError):
            os.killpg(run.pid, how)
        run.wait(300)
        return f"{happened}; {how.name}"

    def any(self) -> str:
        """One of them; what cannot happen now is passed over."""
        self.silent = False
        while True:
            with suppress(ValueError, IndexError, StopIteration):
                return self.chance.choices(*zip(*self._weighted(), strict=True))[0]()

    def _weighted(self) -> Iterator[tuple[Callable[[], str], int]]:
        for weight, events in (
            (4, (self.fail, self.setting, self.delete, self.truncate, self.flip)),
            (2, (self.overwrite, self.remove_folder, self.label, self.mask, self.add, self.kill)),
            (1, (self.exchange, self.touch, self.forget_snakemake, self.remove, self.rename)),
            (1, (self.replace, self.swap, self.correct, self.settings_back)),
        ):
            for event in events:
                yield event, weight


def rerun(project: Any, *, damaged: bool) -> None:
    """The plain command; a stage that met damage said so, and then the same command mends it."""
    done = project.snakemake()
    if damaged and done.returncode:
        done = project.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_reruns_end_with_what_a_run_from_scratch_gives(project: Any, seed: int) -> None:
    events = Events(project, random.Random(seed))
    for _ in range(EVENTS):
        print(f"seed {seed}:", events.any(), flush=True)
        if events.silent:
            project.bes("verify")
        rerun(project, damaged=events.silent)
    if events.config.get("policy") == "frozen":
        events.configure(policy="auto")
        rerun(project, damaged=False)
    assert project.is_done()
    project.bes("clean")
    found = project.contents()
    for part in ("results", ".snakemake"):
        shutil.rmtree(project.path / part)
    rerun(project, damaged=False)
    expected = project.contents()
    assert {
        name: found.get(name) == content for name, content in expected.items()
    } == dict.fromkeys(expected, True)
    # Experiments and stages that the configuration no longer has may stay.
    places = {name.rsplit("/", 1)[0] for name in expected}
    assert not {n for n in found.keys() - expected.keys() if n.rsplit("/", 1)[0] in places}
