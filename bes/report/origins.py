"""How the results came about: options, versions, time and memory, from the stages' journals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bes.incremental.journal import Run
from bes.storage.words import counted


@dataclass(frozen=True)
class Setting:
    """One option of a stage."""

    stage: str
    name: str
    value: str
    default: str

    @property
    def changed(self) -> bool:
        """Whether it differs from its default."""
        return self.value != self.default


@dataclass(frozen=True)
class Effort:
    """What a stage took."""

    stage: str
    images: int
    seconds: float
    cpu_seconds: float
    memory: int
    """Bytes: the peak of the largest process."""
    devices: str
    training: bool

    @property
    def rate(self) -> float | None:
        """Photographs a second of one job; None of a training."""
        return self.images / self.seconds if self.seconds and not self.training else None


@dataclass(frozen=True)
class Origin:
    """The code that computed a stage's files, and when it last did."""

    stage: str
    code: str
    finished: str


def settings(journals: Mapping[str, Sequence[Run]]) -> list[Setting]:
    """Every option of every stage with a journal, as of its last run."""
    return [
        Setting(stage, name, _words(value), _words(run.defaults.get(name)))
        for stage, run in _last(journals).items()
        for name, value in run.options.items()
    ]


def efforts(journals: Mapping[str, Sequence[Run]], trainings: Sequence[str]) -> list[Effort]:
    """Sums over the runs of each stage."""
    return [
        Effort(
            stage=stage,
            images=sum(run.images for run in runs),
            seconds=sum(run.seconds for run in runs),
            cpu_seconds=sum(run.cpu_seconds for run in runs),
            memory=max(run.memory for run in runs),
            devices=", ".join(sorted({_device(run) for run in runs})),
            training=stage in trainings,
        )
        for stage, runs in journals.items()
        if runs
    ]


def origins(journals: Mapping[str, Sequence[Run]]) -> list[Origin]:
    """The code of each stage and the time of its last run."""
    return [
        Origin(stage, run.code, run.finished.replace("T", " ").replace("+00:00", " UTC"))
        for stage, run in _last(journals).items()
    ]


def versions(journals: Mapping[str, Sequence[Run]]) -> list[tuple[str, str]]:
    """The versions that the files were computed with; where stages differ, which had which."""
    seen: dict[str, dict[str, list[str]]] = {}
    for stage, runs in journals.items():
        for name, version in {pair for run in runs for pair in run.versions.items()}:
            seen.setdefault(name, {}).setdefault(version, []).append(stage)
    rows = []
    for name, stages in sorted(seen.items()):
        if len(stages) == 1:
            rows.append((name, next(iter(stages))))
        else:
            each = (f"{version} ({', '.join(names)})" for version, names in sorted(stages.items()))
            rows.append((name, "; ".join(each)))
    return rows


def _last(journals: Mapping[str, Sequence[Run]]) -> dict[str, Run]:
    return {
        stage: max(runs, key=lambda run: run.finished) for stage, runs in journals.items() if runs
    }


def _device(run: Run) -> str:
    return counted(run.threads, "core") + ("" if run.device == "cpu" else f", {run.device}")


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
