"""What a stage computed when, with which options and versions, and what that took."""

import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_origin

from bes.storage.files import write_atomic

DISTRIBUTIONS = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-python"),
    "numba": ("numba",),
    "pydensecrf": ("pydensecrf2",),
    "snakemake": ("snakemake",),
    "bes": ("bes-segmentation",),
}
"""Name -> the distributions that may provide it, the usual one first."""


@dataclass(frozen=True)
class Run:
    """One run of a stage that computed something."""

    origin: str | None
    """A digest of what all its files depend on: options, code, network. None where each run
    computes all anew."""
    options: dict[str, Any]
    defaults: dict[str, Any]
    """The defaults of these options at the time."""
    code: str
    """The digest of the code."""
    versions: dict[str, str]
    device: str
    threads: int
    finished: str
    """Date and time, UTC, ISO 8601."""
    images: int
    """Photographs computed or, of a training or a table, used."""
    seconds: float
    """Wall time, with the start of the libraries."""
    cpu_seconds: float
    """Of this process and of those that it started."""
    memory: int
    """Bytes: the peak of the largest process."""


def journal_file(folder: Path, part: str) -> Path:
    """The runs over one part of a stage, such as a shard: JSON lines."""
    return folder / "_benchmarks" / f"{part}.jsonl"


def start_run() -> Callable[..., None]:
    """Start the clocks; the function that is returned stops them and records the run.

    It keeps the earlier records of the same origin, to which this run added images, and then leaves
    out a run without any. All others go: what they tell of was overwritten.
    """
    wall, cpu = time.monotonic(), _cpu_seconds()

    def record(
        path: Path,
        *,
        origin: str | None,
        options: Any,
        code: str,
        images: int,
        threads: int,
        device: str = "cpu",
    ) -> None:
        earlier = [run for run in _read(path) if run.origin == origin] if origin else []
        if earlier and not images:
            return
        run = Run(
            origin=origin,
            options=asdict(options),
            defaults={field.name: field.default for field in fields(options)},
            code=code,
            versions=versions(),
            device=device,
            threads=threads,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            images=images,
            seconds=round(time.monotonic() - wall, 2),
            cpu_seconds=round(_cpu_seconds() - cpu, 2),
            memory=_peak_memory(),
        )
        lines = (json.dumps(asdict(each)) + "\n" for each in [*earlier, run])
        write_atomic(path, "".join(lines).encode())

    return record


def read_runs(folder: Path) -> list[Run]:
    """The records of a stage, by part and time; none of files that an older `bes` computed."""
    files = sorted((folder / "_benchmarks").glob("*.jsonl"))
    return [run for file in files for run in _read(file)]


def versions() -> dict[str, str]:
    """Of Python and of the libraries that results may depend on, as far as they are installed."""
    # Costs as much as a job with nothing to do.
    import platform
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name, distributions in DISTRIBUTIONS.items():
        for distribution in distributions:
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return found


def _read(path: Path) -> list[Run]:
    try:
        return [_run(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    # A record that cannot be read is no reason to stop a run: it is only told of.
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _run(values: dict[str, Any]) -> Run:
    run = Run(**values)
    for field in fields(Run):
        value = getattr(run, field.name)
        kind: Any = field.type
        if get_origin(kind) is dict:
            kind = dict
        if not isinstance(value, (int, float) if kind is float else kind):
            raise TypeError(f"{field.name}: found {value!r}")
    return run


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_memory() -> int:
    kilobytes = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return kilobytes * 1024
