"""The log of a job is that of the last time that it had something to do."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vouching import vouch_for

from bes.data.images import encode_maps
from bes.data.manifest import read_manifest
from bes.incremental.stage import image_file
from bes.storage.files import write_atomic

Done = subprocess.CompletedProcess[str]


def python(*words: object) -> Done:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def script(text: str, log: Path) -> Done:
    """A script that has `log` and the functions of the log."""
    head = "import os, sys\nfrom pathlib import Path\nfrom bes.storage.log import *\n"
    return python("-c", f"{head}log = Path({str(log)!r})\n{text}")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "stage.log"


@pytest.fixture
def told(log: Path) -> Path:
    """A log of another time, long ago."""
    log.parent.mkdir()
    log.write_text("what was done\n")
    os.utime(log, (1, 1))
    return log


def test_with_nothing_to_do_the_log_stays_as_it_was(told: Path) -> None:
    done = script("log_to(log)\nsay_idle('up to date')", told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert told.read_text() == "what was done\n" and told.stat().st_mtime == 1


@pytest.mark.parametrize("empty", [False, True])
def test_a_log_that_tells_nothing_says_that_there_was_nothing_to_do(log: Path, empty: bool) -> None:
    if empty:
        log.parent.mkdir()
        log.touch()
    assert script("log_to(log)\nsay_idle('up to date')", log).stderr == ""
    assert log.read_text() == "up to date\n"


def test_with_something_to_do_the_log_begins_anew(told: Path) -> None:
    text = (
        "log_to(log)\nbegin_log()\nprint('out', flush=True)\nbegin_log()\n"
        "print('err', file=sys.stderr)\nsay_idle('nothing more')\nos.system('echo child')"
    )
    done = script(text, told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert told.read_text() == "out\nerr\nnothing more\nchild\n"


def test_what_is_said_before_goes_where_it_would_have_gone(told: Path) -> None:
    done = script("log_to(log)\nprint('before')\nbegin_log()\nprint('after')", told)
    assert done.stdout == "before\n"
    assert told.read_text() == "after\n"


def test_without_a_log_all_is_said_aloud(log: Path) -> None:
    done = script("log_to(None)\nbegin_log()\nprint('out')\nsay_idle('up to date')", log)
    assert (done.stdout, done.stderr) == ("out\n", "up to date\n")
    assert not log.exists()


@pytest.fixture
def label(dataset: Path, tmp_path: Path, log: Path) -> list[object]:
    """`bes pseudo_labels` with a log, without the photographs."""
    for record in read_manifest(dataset / "images.csv"):
        maps = encode_maps(np.zeros((0, 10, 12)), [], (record.height, record.width))
        write_atomic(image_file("revised_maps", tmp_path / "revised_maps", record.id), maps)
    vouch_for(tmp_path / "revised_maps", dataset)
    folders = ["--dataset", dataset, "--revised-maps", tmp_path / "revised_maps"]
    out = ["--out", tmp_path / "pseudo_labels", "--log", log, "--shard", "000"]
    return ["-m", "bes", "pseudo_labels", *folders, *out, "--threads", 1, "--no-crf"]


def test_a_job_that_has_nothing_to_do_leaves_its_log(label: list[object], log: Path) -> None:
    done = python(*label)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = log.read_text()
    assert said.startswith("pseudo_labels 000: ") and " to do\n" in said
    os.utime(log, (1, 1))
    done = python(*label)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text() == said and log.stat().st_mtime == 1


def test_an_error_follows_what_was_said(label: list[object], tmp_path: Path, told: Path) -> None:
    for path in (tmp_path / "revised_maps").glob("*.npz"):
        path.unlink()
    done = python(*label)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    first, *_, last = told.read_text().splitlines()
    assert first.startswith("pseudo_labels 000: ")
    assert last.startswith("bes: ") and last.endswith(".npz: no such file")


def test_an_error_before_anything_was_said_is_all_there_is(
    label: list[object], dataset: Path, told: Path
) -> None:
    (dataset / "classes.json").unlink()
    assert python(*label).returncode == 2
    (line,) = told.read_text().splitlines()
    assert line == f"bes: {dataset}/classes.json: no such file; `bes dataset` writes it"


def test_a_traceback_is_in_the_log_too(told: Path) -> None:
    text = """
from bes import cli
class Broken:
    summary = "A fault of ours."
    def configure(self, parser, *, documented): pass
    def run(self, args): raise RuntimeError("ours")
cli._is_command = lambda word: True
cli._command = lambda name: Broken()
cli.main(["broken", "--log", str(log)])
"""
    done = script(text, told)
    assert (done.returncode, done.stderr) == (1, "")
    first, *_, last = told.read_text().splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "RuntimeError: ours")
