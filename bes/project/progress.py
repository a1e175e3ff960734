"""How far a run is, read from what its jobs write: receipts, logs, journals. So it can be told of a
run elsewhere, such as one of SLURM."""

import contextlib
import functools
import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bes.data.manifest import read_catalog, read_manifest, shards_folder
from bes.errors import BesError
from bes.incremental.inputs import receipts_of
from bes.incremental.journal import Run, read_runs
from bes.incremental.stage import PerImageStage, Stage, TrainingStage, stage_of
from bes.project.costs import Work, pixels_of
from bes.project.sections import BASE, SECTIONS
from bes.project.settings import Project
from bes.stages.dataset import left_out_of
from bes.storage.files import write_atomic
from bes.storage.layout import model_receipt
from bes.storage.words import counted

RATES = {
    "dataset": 3.4e-3,
    "classifier": 1.3e-6,
    "cams": 1.3e-5,
    "boundary_labels": 2.9e-6,
    "benet": 8.9e-7,
    "irnet": 1.4e-6,
    "boundary_maps": 1.6e-6,
    "revised_maps": 4.5e-7,
    "teacher_labels": 2.9e-6,
    "teacher": 3.5e-6,
    "teacher_maps": 1.7e-6,
    "revised_teacher_maps": 6e-7,
    "pseudo_labels": 2.9e-6,
    "segmenter": 3.5e-6,
    "evaluation": 1.3e-2,
    "quality": 4.7e-3,
    "report": 3.9e-2,
}
"""Stage -> seconds of a core for a unit of its work, by the journals of a run of 480 photographs
with config/photographs.yaml. Only how they compare counts: how fast it is here, the stages of a run
tell as they go."""

_STEP = re.compile(
    r"^(?P<name>[^:]+): (?P<done>\d+)/(?P<total>\d+)(?:, (?P<rate>[\d.e+-]+) (?P<unit>.+?)/s, "
    r"(?P<left>[\d:]+) left)?(?:, (?P<note>.*))?$"
)
"""A line of `bes.storage.progress`."""
_TODO = re.compile(r"^\w+ \d+: (?P<todo>\d+) of (?P<all>\d+) to do$")
TAIL = 4096
"""Bytes at the end of a log that are read."""


@dataclass(frozen=True)
class StartedRun:
    """What a run says of itself, for those who watch it."""

    started: float
    """In seconds since the epoch."""
    stages: tuple[str, ...] | None = None
    """Those with something to do; None: not known."""
    success: bool | None = None
    """How it ended; None: it has not, or was killed."""

    def write(self, project: Project) -> None:
        """Leave it beside the results, if there is room."""
        with contextlib.suppress(OSError):
            write_atomic(_run_file(project), json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, project: Project) -> "StartedRun":
        """The last run; where none is known, one that started before all results."""
        try:
            return cls(**json.loads(_run_file(project).read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls(0.0)


def _run_file(project: Project) -> Path:
    return project.results / project.settings.name / "_memo" / "run.json"


@dataclass(frozen=True)
class StageProgress:
    """How far a stage is in a folder."""

    stage: str
    folder: Path
    state: str
    """`waiting`, `running` or `done`."""
    done: float = 0
    total: float = 0
    unit: str = ""
    """Of both; empty where nothing is counted."""
    rate: float = 0.0
    """Of these in a second, while it runs; 0: not known."""
    left: float | None = None
    """Seconds until it is done; of one that waits, by the stages before it; None: not known."""
    note: str = ""
    """What there is to know of it: a loss, the classifier's average precision."""
    seen: float = 0.0
    """When a job of it wrote something last, in seconds since the epoch."""

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.state == "done":
            return 1.0
        return self.done / self.total if self.total else 0.0


def read_progress(
    project: Project, *, since: float = 0.0, stages: Collection[str] | None = None
) -> list[StageProgress]:
    """The stages of all experiments, upstream first; of `stages` alone, where they are given.

    What is older than `since`, in seconds since the epoch, is of an earlier run and yet to be done
    again.
    """
    every = [("dataset", project.folder(BASE, "dataset")), *project.computed()]
    # Of stages on demand there is one where somebody asks for it.
    every += [
        (stage, project.folder(experiment, stage))
        for stage in SECTIONS
        if stages is not None and stage in stages and stage != "export"
        for experiment in project.experiments
    ]
    places = [place for place in every if stages is None or place[0] in stages]
    found, factors = [], []
    works = {
        experiment: _work(project.folder(experiment.name, "dataset"))
        for experiment in {folder.parent for _, folder in places}
    }
    for stage, folder in dict.fromkeys(places):
        progress = _stage(project, stage, folder, since)
        found.append(progress)
        # How long a table takes is how long Python takes to start: no measure for networks.
        if (
            isinstance(stage_of(stage), PerImageStage | TrainingStage)
            and (expected := _expected(project, progress, works[folder.parent]))
            and (spent := _spent(progress, since))
        ):
            factors.append((spent, expected * progress.share))
    factor = sum(s for s, _ in factors) / sum(e for _, e in factors) if factors else None
    return [_with_left(project, each, works[each.folder.parent], factor) for each in found]


def left_of_all(progress: list[StageProgress]) -> tuple[float, bool]:
    """Seconds until all stages are done, as far as they are known, and whether all are."""
    times = [each.left for each in progress if each.state != "done"]
    return sum(time for time in times if time is not None), None not in times


def _stage(project: Project, stage: str, folder: Path, since: float) -> StageProgress:
    declared = stage_of(stage)
    receipts = receipts_of(stage, folder, project.shards)
    ready = [path for path in receipts if _modified(path) > since]
    logs = [log for log in (folder / "_logs").glob("*.log") if _modified(log) > since]
    seen = max(map(_modified, [*ready, *logs]), default=0.0)
    if len(ready) == len(receipts):
        measured = _measured(folder) if isinstance(declared, TrainingStage) else ""
        note = ", ".join(filter(None, [_computed(declared, folder, since), measured]))
        return StageProgress(stage, folder, "done", note=note, seen=seen)
    state = "running" if ready or logs else "waiting"
    if not isinstance(declared, PerImageStage):
        step = _step(logs[0]) if logs else None
        if step is None:
            return StageProgress(stage, folder, state, seen=seen)
        if step["name"] != stage:
            # A part of it, such as what a training learns from: it tells not how long all takes.
            part = step["name"].removeprefix(stage).lstrip(" ,")
            words = f"{part} {step['done']} of {step['total']}"
            return StageProgress(stage, folder, state, note=words, seen=seen)
        left = max(_seconds(step["left"]) - (time.time() - seen), 0.0) if step["left"] else None
        note = step["note"] or ""
        if step["done"] == step["total"] and isinstance(declared, TrainingStage):
            note = "measuring the network"
        rate = float(step["rate"] or 0)
        counts = int(step["done"]), int(step["total"]), step["unit"] or "", rate
        return StageProgress(stage, folder, state, *counts, left, note, seen)
    photographs = _of_shards(project, folder, held_out=declared.held_out)
    done, rate = 0.0, 0.0
    for receipt in receipts:
        shard = receipt.stem
        log = folder / "_logs" / f"{shard}.log"
        if receipt in ready:
            done += photographs.get(shard, 0)
        elif log in logs:
            text = _tail(log)
            first = _TODO.match(_head(log))
            step = _last_step(text)
            if first:
                done += int(first["all"]) - int(first["todo"])
            if step:
                age = time.time() - _modified(log)
                speed = float(step["rate"] or 0)
                rate += speed
                # The line may be some seconds old.
                todo = int(step["total"])
                done += min(int(step["done"]) + speed * min(age, 10.0), todo - 1)
    total = sum(photographs.values())
    rest = (total - done) / rate if rate else None
    sums = done, total, "photographs", rate
    return StageProgress(stage, folder, state, *sums, rest, seen=seen)


def _runs(folder: Path, since: float) -> list[Run]:
    """What a stage computed since then."""
    return [run for run in read_runs(folder) if _time_of(run.finished) > since]


def _computed(declared: Stage, folder: Path, since: float) -> str:
    """What a stage that is done did, in words."""
    runs = _runs(folder, since)
    if not runs:
        return "nothing to do"
    if declared.name == "dataset" and (left_out := left_out_of(folder)):
        return f"{counted(left_out, 'photograph')} left out"
    photographs = sum(run.images for run in runs)
    return counted(photographs, "photograph") if isinstance(declared, PerImageStage) else ""


def _with_left(
    project: Project, each: StageProgress, work: Work | None, factor: float | None
) -> StageProgress:
    if each.state == "done" or each.left is not None or factor is None:
        return each
    expected = _expected(project, each, work)
    if expected is None:
        return each
    left = expected * (1 - each.share) * factor
    # A job that was to be done by now takes longer than the others tell.
    late = each.seen and (left := left - (time.time() - each.seen)) <= 0
    return each if late else StageProgress(**{**vars(each), "left": left})


def _expected(project: Project, each: StageProgress, work: Work | None) -> float | None:
    """Seconds of a core that the whole stage takes, as far as `RATES` tell."""
    options = project.experiments[each.folder.parent.name].options.get(each.stage)
    if work is None or each.stage not in RATES:
        return None
    return RATES[each.stage] * work.of(each.stage, options)


def _spent(each: StageProgress, since: float) -> float | None:
    """Seconds that a stage has taken so far in this run."""
    if each.state == "done":
        return sum(run.seconds for run in _runs(each.folder, since)) or None
    return each.done / each.rate if each.done and each.rate else None


def _work(dataset: Path) -> Work | None:
    """What there is to do in an experiment; None before the photographs were read."""
    return _work_at(
        dataset, *(_modified(dataset / name) for name in ("images.csv", "classes.json"))
    )


# To read them takes longer than all else here, and they change once in a run, if at all.
@functools.lru_cache(maxsize=1)
def _work_at(dataset: Path, *modified: float) -> Work | None:
    try:
        catalog = read_catalog(dataset / "classes.json")
        records = [r for r in read_manifest(dataset / "images.csv") if not r.held_out]
    except BesError:
        return None
    sizes = ((record.height, record.width) for record in records)
    return Work(len(records), pixels_of(catalog, sizes)) if records else None


def _of_shards(project: Project, folder: Path, *, held_out: bool) -> dict[str, int]:
    """Shard -> its photographs."""
    home = shards_folder(project.folder(folder.parent.name, "dataset"), held_out=held_out)
    counts = {}
    for shard in project.shards:
        with contextlib.suppress(OSError):
            counts[shard] = max((home / f"{shard}.csv").read_bytes().count(b"\n") - 1, 0)
    return counts


def _measured(folder: Path) -> str:
    """What a training found out about its network."""
    try:
        measured = json.loads(model_receipt(folder).read_text())["measured"]
        precision = measured["mean_average_precision"]
        return f"average precision {precision:.2f} on {measured['split']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _step(log: Path) -> dict[str, Any] | None:
    return _last_step(_tail(log))


def _last_step(text: str) -> dict[str, Any] | None:
    for line in reversed(text.splitlines()):
        if match := _STEP.match(line):
            return match.groupdict()
    return None


def _tail(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - TAIL, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _head(path: Path) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def _modified(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _seconds(clock: str) -> float:
    """`1:02:05` as 3725."""
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total


def _time_of(finished: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(finished).timestamp()
