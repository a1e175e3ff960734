"""Malformed input ends in one sentence that names the culprit, by hand and through the workflow."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image


def spoil_photograph(project: Any) -> str:
    file = project.photograph("scene_00003")
    file.write_bytes(file.read_bytes()[:300])
    return "data/photographs/JPEGImages/scene_00003.jpg: "


def misspell_class(project: Any) -> str:
    table = project.path / "data/photographs/labels.csv"
    _header, row, *rows = table.read_text().splitlines()
    image = row.split(",")[0]
    project.table([f"{image},chekcs", *rows])
    return "data/photographs/labels.csv: row 2: found class 'chekcs', expected one of checks, "


def resize_mask(project: Any) -> str:
    file = project.path / "data/photographs/SegmentationClass/scene_00005.png"
    Image.fromarray(np.zeros((64, 81), np.uint8)).save(file)
    return "data/photographs/SegmentationClass/scene_00005.png: "


def list_twice(project: Any) -> str:
    table = project.path / "data/photographs/labels.csv"
    rows = table.read_text().splitlines()[1:]
    project.table([*rows, rows[0]])
    return "data/photographs/labels.csv: row 14: found 'scene_00000' again, first in row 2"


HARM = [spoil_photograph, misspell_class, resize_mask, list_twice]
Make = Callable[[], Any]


def written(project: Any) -> list[str]:
    """What a run left behind, beside logs and the note that it was there."""
    return [
        str(path.relative_to(project.path))
        for path in (project.path / "results").rglob("*")
        if path.is_file() and path.suffix != ".log" and path.name != "run.json"
    ]


@pytest.mark.parametrize("harm", HARM)
def test_the_workflow_names_what_is_wrong_with_the_dataset(
    new_project: Make, harm: Callable
) -> None:
    project = new_project()
    sentence = harm(project)
    done = project.snakemake()
    assert done.returncode != 0
    assert f"bes: {sentence}" in done.stderr
    assert "Traceback" not in done.stderr
    assert written(project) == []


def test_a_dataset_that_is_mended_is_read(new_project: Make) -> None:
    project = new_project()
    file = project.photograph("scene_00003")
    content = file.read_bytes()
    spoil_photograph(project)
    images = "results/tiny/base/dataset/images.csv"
    assert project.snakemake(images).returncode != 0
    file.write_bytes(content)
    assert project.snakemake(images).returncode == 0
    assert len(project.records) == 12


WRONG = [
    ({"bakbone": "resnet18"}, "config: unknown key 'bakbone'; did you mean 'backbone'?"),
    ({"cams": {"flipp": True}}, "config: unknown key 'flipp' in cams; did you mean 'flip'?"),
    ({"shards": "many"}, "config: shards: found 'many', expected integer"),
    (
        {"dataset": {"root": "data/nowhere"}},
        "dataset.root: found no folder data/nowhere, expected the folder of the photographs",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_key_is_one_sentence(
    new_project: Make, changes: dict[str, Any], sentence: str
) -> None:
    project = new_project()
    project.configure(changes)
    done = project.snakemake()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"bes: {sentence}"
    assert "Traceback" not in done.stderr
    assert not (project.path / "results").exists()


def test_the_commands_that_read_a_configuration_say_the_same(new_project: Make) -> None:
    project = new_project()
    changes, sentence = WRONG[0]
    project.configure(changes)
    for command in ("status", "verify", "clean"):
        done = project.bes(command)
        assert (done.returncode, done.stderr) == (2, f"bes: {sentence}\n")


def test_help_names_every_command_and_each_its_flags(finished: Any) -> None:
    done = finished.bes("--help")
    assert done.returncode == 0
    for command in ("dataset", "cams", "pseudo_labels", "evaluation", "quality", "status", "clean"):
        assert f"\n    {command} " in done.stdout
    done = finished.bes("pseudo_labels", "--help")
    for flag in ("--dataset DIR", "--revised-maps DIR", "--shard NAME", "--threshold FLOAT"):
        assert flag in done.stdout
    assert "(default: 0.25; 0.0 to 1.0)" in " ".join(done.stdout.split())


@pytest.mark.parametrize("seconds", [0.2, 0.9, 1.8])
def test_ctrl_c_before_there_are_jobs_ends_without_a_traceback(
    new_project: Make, seconds: float
) -> None:
    project = new_project()
    words = ("-m", "bes", "run", "--cores", "1", "--config", "classifier={iterations: 500}")
    run = project.start(sys.executable, *words)
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) in (-signal.SIGINT, 128 + signal.SIGINT)
    said = (project.path / "stderr.txt").read_text()
    assert "Traceback" not in said
    assert not said or said.splitlines()[-1] in (
        "bes: starting",
        "bes: interrupted; the same command goes on",
    )


def test_ctrl_c_ends_the_jobs_and_the_next_run_goes_on(new_project: Make) -> None:
    project = new_project()
    # Jobs that start an interpreter each, which gets the signal itself.
    project.run_by(None)
    run = project.start(sys.executable, "-m", "bes", "run", "--cores", "1", "classifier")
    log = project.path / "stderr.txt"
    while "classifier: started" not in log.read_text():
        assert run.poll() is None, log.read_text()
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(60)
    assert "Traceback" not in log.read_text()
    done = project.snakemake("classifier")
    assert done.returncode == 0, done.stderr[-4000:]
