"""The goal `predictions`: a segmentation network, and its predictions with their score."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bes.data.manifest import read_manifest
from bes.incremental.stage import image_file

SEGMENTER = {
    "head": "aspp",
    "iterations": 3,
    "batch_size": 4,
    "crop": 64,
    "output_stride": 16,
    "loss_scales": [1.0, 0.5],
}
GOAL = {
    "goal": "predictions",
    "policy": "frozen",
    "segmenter": SEGMENTER,
    "dataset": {"test": "../next"},
}
HELD_OUT = ("segmentation_maps", "predictions")


@pytest.fixture(scope="module")
def predicted_once(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished project with three more scenes, held out, the last without labels, and the goal
    `predictions`; look, but do not touch."""
    project = finished.copy(tmp_path_factory.mktemp("predicted") / "project")
    lists = project.path / "data/photographs/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    train = [record.id for record in project.records]
    (lists / "train.txt").write_text("".join(f"{name}\n" for name in train))
    val = project.spare[:2]
    for scene in val:
        project.add(scene)
    (lists / "val.txt").write_text("".join(f"{name}\n" for name in val))
    (project.path / "data/next").mkdir()
    scene = f"{project.spare[2]}.jpg"
    shutil.copy(project.path / "data/scenes/JPEGImages" / scene, project.path / "data/next")
    project.configure(GOAL)
    assert project.run() == {"segmenter": 1} | dict.fromkeys(HELD_OUT, len(val) + 1)
    return project, val, Path(scene).stem


@pytest.fixture
def predicted(predicted_once: Any, tmp_path: Path) -> Any:
    """A copy of it."""
    done, val, test = predicted_once
    project = done.copy(tmp_path / "project")
    project.val, project.test = val, test
    return project


def test_a_network_is_trained_on_pseudo_labels_and_scored_on_photographs_held_out(
    predicted: Any,
) -> None:
    records = {
        record.id: record for record in read_manifest(predicted.folder("dataset") / "images.csv")
    }
    assert records[predicted.test].split == "test"
    for name in (*predicted.val, predicted.test):
        path = image_file("predictions", predicted.folder("predictions"), name)
        with Image.open(path) as image:
            assert image.mode == "P"
            assert image.size == (records[name].width, records[name].height)
            assert np.array(image).max() <= 4
    scores = json.loads((predicted.folder("evaluation") / "scores.json").read_text())
    assert scores["predictions"]["split"] == "val"
    assert scores["predictions"]["photographs"] == 2
    assert 0 <= scores["predictions"]["miou"] <= 100


def test_a_prediction_that_is_deleted_is_mended_alone(predicted: Any) -> None:
    path = image_file("predictions", predicted.folder("predictions"), predicted.val[0])
    before = path.read_bytes()
    path.unlink()
    assert predicted.run() == {"predictions": 1}
    assert path.read_bytes() == before


def test_a_photograph_more_to_test_on_is_predicted_alone(predicted: Any) -> None:
    folder = predicted.path / "data/next"
    shutil.copy(folder / f"{predicted.test}.jpg", folder / "again.jpg")
    assert predicted.run() == dict.fromkeys(HELD_OUT, 1)
    paths = [
        image_file("predictions", predicted.folder("predictions"), name)
        for name in (predicted.test, "again")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_crf_is_changed_without_running_the_network(predicted: Any) -> None:
    predicted.configure(GOAL | {"predictions": {"crf": False}})
    assert predicted.run() == {"predictions": 3}


def test_another_goal_leaves_what_is_there(predicted: Any) -> None:
    predicted.configure({"policy": "frozen"})
    path: Path = image_file("predictions", predicted.folder("predictions"), predicted.val[0])
    assert predicted.run() == {}
    assert path.exists()


def test_a_teacher_labels_its_photographs_anew_and_learns_no_correction(project: Any) -> None:
    taught = {"teacher_maps": {"source": "teacher"}, "segmenter": SEGMENTER}
    project.configure(taught)
    stages = ("teacher_labels", "teacher_maps", "revised_teacher_maps", "pseudo_labels")
    every = dict.fromkeys(stages, len(project.records))
    assert project.run() == {"teacher": 1} | every
    assert project.run() == {}
    path = image_file("teacher_maps", project.folder("teacher_maps"), project.records[3].id)
    before = path.read_bytes()
    path.unlink()
    assert project.run() == {"teacher_maps": 1}
    assert path.read_bytes() == before
    project.configure(taught | {"teacher": {"iterations": 4}})
    assert project.run() == {"teacher": 1} | {
        stage: count for stage, count in every.items() if stage != "teacher_labels"
    }
    # Without it everything is as it was.
    project.configure({})
    assert project.run() == {"pseudo_labels": len(project.records)}
