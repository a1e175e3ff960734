"""How long each stage of a run takes, and how much disk: from earlier runs, or from a trial."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bes.data.manifest import Catalog, read_catalog, read_manifest
from bes.errors import BesError
from bes.incremental.journal import read_runs
from bes.incremental.stage import PerImageStage, TrainingStage, stage_of
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.training.schedule import total_steps

ANYWAY = {"epochs", "iterations", "batch_size", "lr", "seed", "weights", "crop", "threshold"}
"""Options that an earlier run may have had others of: they count as work, or change none."""


@dataclass(frozen=True)
class Work:
    """What a run is about to do."""

    photographs: int
    pixels: float
    """Of all of them together, at their working size."""

    def of(self, stage: str, options: Any) -> float:
        """How much there is for a stage: pixels that pass, of a training in all its crops, or
        photographs of a stage for the whole dataset."""
        declared = stage_of(stage)
        if isinstance(declared, TrainingStage):
            return total_steps(options, self.photographs) * options.batch_size * options.crop**2
        return self.pixels if isinstance(declared, PerImageStage) else self.photographs


@dataclass(frozen=True)
class Rate:
    """What a stage costs here."""

    seconds: float
    """Of one core for a unit of work; on a GPU, of the GPU."""
    size: float
    """Bytes for a unit of work; of a training, of its network whatever it learnt from."""
    start: float = 0.0
    """Seconds that each job takes before the first unit, as far as `seconds` has them not."""


@dataclass(frozen=True)
class Cost:
    """What a stage will take."""

    stage: str
    seconds: float
    size: float


def estimate(project: Project, work: Work, rates: dict[str, Rate], cores: int) -> list[Cost]:
    """The stages of the experiment `base` that have a rate, in order."""
    found = []
    for stage in stages_of(project):
        if (rate := rates.get(stage)) is None:
            continue
        declared, amount = stage_of(stage), work.of(stage, options_of_stage(project, stage))
        jobs = project.settings.shards if isinstance(declared, PerImageStage) else 1
        size = rate.size * (1 if isinstance(declared, TrainingStage) else amount)
        shared = cores if isinstance(declared, PerImageStage | TrainingStage) else 1
        found.append(Cost(stage, rate.seconds * amount / shared + rate.start * jobs, size))
    return found


def stages_of(project: Project) -> list[str]:
    """The stages that the experiment `base` needs, upstream first."""
    wanted = project.wanted_by(BASE)
    return ["dataset"] + [s for s, _ in project.computed() if s in wanted and s != "dataset"]


def options_of_stage(project: Project, stage: str) -> Any:
    """The options of a stage of the experiment `base`; None where it has none."""
    return project.experiments[BASE].options.get(stage)


def earlier_rates(results: Path, project: Project, device: str) -> dict[str, Rate]:
    """Stage -> its rate in the runs whose results lie here, as far as they had these options and
    this device."""
    rates: dict[str, Rate] = {}
    for stage in stages_of(project):
        declared = stage_of(stage)
        on_device = isinstance(declared, TrainingStage) or getattr(declared, "on_device", False)
        wanted = _compared(options_of_stage(project, stage))
        seconds = amount = size = held = 0.0
        for folder in results.glob(f"*/*/{stage}"):
            runs = [
                run
                for run in read_runs(folder)
                if _like(run.options, wanted) and (not on_device or run.device == device)
            ]
            work = _work_at(folder.parent)
            if not runs or work is None:
                continue
            for run in runs:
                part = Work(run.images, work.pixels * run.images / work.photographs)
                options = _options(stage, run.options)
                amount += part.of(stage, options)
                parallel = run.threads if isinstance(declared, PerImageStage | TrainingStage) else 1
                seconds += run.seconds * min(parallel, max(run.images, 1))
            size += sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
            held += 1 if isinstance(declared, TrainingStage) else work.of(stage, None)
        if amount and held:
            rates[stage] = Rate(seconds / amount, size / held)
    return rates


def _options(stage: str, values: dict[str, Any]) -> Any:
    """Options as a journal has them."""
    kind = stage_of(stage).options
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _compared(options: Any) -> dict[str, Any]:
    values = asdict(options) if options is not None else {}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if k not in ANYWAY}


def _like(options: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if "root" in wanted:  # of another dataset, which is read in the same way
        return True
    return {k: v for k, v in options.items() if k not in ANYWAY} == wanted


def _work_at(experiment: Path) -> Work | None:
    """The photographs of an earlier run; of an experiment without a dataset of its own, its
    base's."""
    for folder in (experiment / "dataset", experiment.parent / BASE / "dataset"):
        try:
            catalog, records = read_catalog(folder / "classes.json"), None
            records = read_manifest(folder / "images.csv")
        except BesError:
            continue
        if records:
            return Work(
                len(records), sum(pixels_of(catalog, [(r.height, r.width)]) for r in records)
            )
    return None


def pixels_of(catalog: Catalog, sizes: Iterable[tuple[int, int]]) -> float:
    """Pixels of photographs of some (height, width) at their working size."""
    return sum(min(height * width, catalog.max_pixels) for height, width in sizes)


def cores_here() -> int:
    """The cores that a run may use."""
    return len(os.sched_getaffinity(0))
