"""The goal `predictions` says so where there is nothing to predict."""

from pathlib import Path
from typing import Any

import pytest
from finished import CONFIG
from PIL import Image

from bes.project.prepare import Call, prepare
from bes.project.settings import load_project

NOTHING = {"root": "photographs", "val": ""}


def said(capsys: pytest.CaptureFixture[str], dataset: dict[str, Any], **changes: Any) -> str:
    prepare(load_project(CONFIG | {"dataset": dataset} | changes), Call(looks=True))
    return capsys.readouterr().err


def test_it_names_what_would_be_predicted(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "goal=predictions: found no photographs held out from the training in photographs"
    error = said(capsys, NOTHING, goal="predictions")
    assert sentence in error
    for way in ("dataset.val", "dataset.test", "bes predict", "results/p/base/segmenter"):
        assert way in error
    assert sentence not in said(capsys, NOTHING)
    assert sentence not in said(capsys, {"root": "photographs"}, goal="predictions")
    Path("next").mkdir()
    Image.new("RGB", (8, 8)).save("next/a.jpg")
    assert sentence not in said(capsys, NOTHING | {"test": "../next"}, goal="predictions")
