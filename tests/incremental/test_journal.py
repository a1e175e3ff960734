"""What was computed when, and what that took."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bes.incremental.journal import Run, journal_file, read_runs, start_run


@dataclass(frozen=True)
class Options:
    """Of a stage that is not."""

    scale: float = 1.0
    """A factor."""


def journal(
    folder: Path, *, origin: str | None = "one", images: int = 3, part: str = "000"
) -> None:
    start_run()(
        journal_file(folder, part),
        origin=origin,
        options=Options(scale=2.0),
        code="0123abcd",
        images=images,
        threads=2,
    )


def images(folder: Path) -> list[int]:
    return [run.images for run in read_runs(folder)]


def test_a_run_tells_its_options_their_defaults_and_the_versions(tmp_path: Path) -> None:
    journal(tmp_path)
    (run,) = read_runs(tmp_path)
    assert (run.options, run.defaults, run.code) == ({"scale": 2.0}, {"scale": 1.0}, "0123abcd")
    assert {"python", "torch", "numpy", "numba"} <= run.versions.keys()


def test_wall_time_cpu_time_and_memory_are_measured(tmp_path: Path) -> None:
    record = start_run()
    time.sleep(0.2)
    _ = sum(range(3_000_000))
    record(
        journal_file(tmp_path, "000"), origin=None, options=Options(), code="", images=1, threads=1
    )
    (run,) = read_runs(tmp_path)
    assert run.seconds >= 0.2 and run.cpu_seconds > 0 and run.memory > 1_000_000


def test_the_time_of_processes_that_it_started_counts(tmp_path: Path) -> None:
    record, own = start_run(), time.process_time()
    subprocess.run([sys.executable, "-SIc", "sum(range(4_000_000))"], check=True)
    own = time.process_time() - own
    record(
        journal_file(tmp_path, "000"), origin=None, options=Options(), code="", images=1, threads=1
    )
    (run,) = read_runs(tmp_path)
    assert run.cpu_seconds > own + 0.05


def test_runs_of_one_origin_add_up(tmp_path: Path) -> None:
    journal(tmp_path, images=3)
    journal(tmp_path, images=1)
    assert images(tmp_path) == [3, 1]


def test_another_origin_begins_anew(tmp_path: Path) -> None:
    journal(tmp_path, images=3)
    journal(tmp_path, images=2, origin="two")
    assert images(tmp_path) == [2]


def test_where_each_run_computes_all_the_last_one_counts(tmp_path: Path) -> None:
    journal(tmp_path, images=3, origin=None)
    journal(tmp_path, images=2, origin=None)
    assert images(tmp_path) == [2]


def test_a_run_without_images_wipes_nothing(tmp_path: Path) -> None:
    journal(tmp_path, images=3)
    journal(tmp_path, images=0)
    assert images(tmp_path) == [3]


def test_the_parts_of_a_stage_are_read_together(tmp_path: Path) -> None:
    journal(tmp_path, images=3, part="001")
    journal(tmp_path, images=2, part="000")
    assert images(tmp_path) == [2, 3]


@pytest.mark.parametrize("key", [None, "seconds", "images", "code", "options"])
def test_a_damaged_journal_stops_nothing(key: str | None, tmp_path: Path) -> None:
    journal(tmp_path)
    file = journal_file(tmp_path, "000")
    line = file.read_text()
    file.write_text(json.dumps(json.loads(line) | {key: None}) if key else line[:15])
    assert read_runs(tmp_path) == []
    journal(tmp_path)
    assert all(isinstance(run, Run) for run in read_runs(tmp_path)) and images(tmp_path) == [3]
