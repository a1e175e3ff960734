"""A few seconds of each stage on one of the photographs, to tell how long a run takes here."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bes.data.manifest import Catalog, ImageRecord
from bes.incremental.device import acquire_device
from bes.incremental.stage import (
    PerImageStage,
    Sources,
    TrainingRun,
    TrainingStage,
    image_file,
    stage_of,
)
from bes.project.costs import Rate, Work, options_of_stage, stages_of
from bes.project.settings import Project
from bes.storage.files import write_atomic
from bes.storage.layout import model_file
from bes.storage.pool import limit_threads
from bes.storage.progress import say

PIXELS = 120_000
"""What a larger photograph is reduced to: the time that it takes grows with its pixels."""
BATCH = 4
Clock = Callable[[], float]


def trial_rates(
    project: Project, catalog: Catalog, record: ImageRecord, *, scratch: Path
) -> tuple[dict[str, Rate], str]:
    """Stage -> its rate, of those for which `is_tried`, and the device.

    Untrained networks are as fast as trained ones; the dense CRF is faster where maps tell little.
    Files go to `scratch`, which is the caller's to remove. What is tried is said.
    """
    # One core, so that seconds of the processor tell how long it takes, whatever else runs.
    limit_threads(1)
    began = time.process_time()
    device = acquire_device(project.settings.device)
    import torch

    import bes.training.loop  # noqa: F401

    start = time.process_time() - began
    torch.set_num_threads(1)
    clock = time.process_time if device == "cpu" else time.perf_counter
    catalog = replace(catalog, max_pixels=PIXELS)
    stages = [name for name in stages_of(project) if name != "dataset"]
    folders = {name: scratch / name for name in stages}
    record = replace(record, split="train")
    rates: dict[str, Rate] = {}
    for name in stages:
        stage, options = stage_of(name), options_of_stage(project, name)
        if is_tried(name):
            say(f"trying {name} on a photograph")
        on_device = isinstance(stage, TrainingStage) or getattr(stage, "on_device", False)
        if isinstance(stage, PerImageStage):
            # What it does not read is not there for it, as in a run.
            seen = {n: folders[n] for n in (name, *stage.possible_parents) if n in folders}
            sources = Sources(catalog, seen, device if stage.on_device else "cpu")
            first, second, size = _photograph(stage, options, sources, record, clock)
            work = Work(1, float(PIXELS)).of(name, options)
            work *= min(1.0, record.width * record.height / PIXELS)
        elif isinstance(stage, TrainingStage):
            options = replace(options, **_few(options))
            run = TrainingRun(catalog, [record] * BATCH, folders, folders[name], "", device, 1, 1)
            first, second, size = _training(stage, options, run, clock)
            work = float(BATCH * options.crop**2)
        else:
            continue  # tables and pages, of what is not there yet
        spent = start if on_device else 0.0
        whole = isinstance(stage, TrainingStage)
        rates[name] = Rate(
            second / work,
            size if whole else size / work,
            start=spent + max(first - second, 0.0),
        )
    return rates, device


def is_tried(name: str) -> bool:
    """Whether a stage is one that `trial_rates` measures."""
    return isinstance(stage_of(name), PerImageStage | TrainingStage)


def _few(options: Any) -> dict[str, Any]:
    """Options of a training of one iteration, from nothing that has to be downloaded."""
    few: dict[str, Any] = {"iterations": 1, "batch_size": BATCH, "weights": "none", "lr": 1e-6}
    return {name: value for name, value in few.items() if name in asdict(options)}


def _training(
    stage: TrainingStage, options: Any, run: TrainingRun, clock: Clock
) -> tuple[float, float, float]:
    """Seconds of a training of one iteration, of a further one, and bytes of the network.

    The first training has the start-up in it, so the further one is told by two after it.
    """
    from bes.training.checkpoints import save_network

    with _quiet():
        first, _ = _timed(clock, lambda: stage.fit(options, run))
        one, _ = _timed(clock, lambda: stage.fit(options, run))
        two, trained = _timed(clock, lambda: stage.fit(replace(options, iterations=2), run))
        save_network(model_file(run.out), trained.network, trained.settings)
    return first, max(two - one, 1e-3), model_file(run.out).stat().st_size


def _photograph(
    stage: PerImageStage, options: Any, sources: Sources, record: ImageRecord, clock: Clock
) -> tuple[float, float, float]:
    """Seconds until the first file is there, of a further one, and its bytes."""
    with _quiet():
        first, (compute, content) = _timed(
            clock, lambda: _prepared(stage, options, sources, record)
        )
        second, _ = _timed(clock, lambda: compute(record))
    write_atomic(image_file(stage.name, sources.folders[stage.name], record.id), content)
    return first, second, len(content)


def _prepared(stage: PerImageStage, options: Any, sources: Sources, record: ImageRecord) -> Any:
    compute = stage.prepare(options, sources)
    return compute, compute(record)


def _timed(clock: Clock, act: Callable[[], Any]) -> tuple[float, Any]:
    began = clock()
    result = act()
    return clock() - began, result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what trainings say of themselves."""
    import warnings

    with (
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
