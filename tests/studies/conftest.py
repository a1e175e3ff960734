"""Scores that an evaluation might have written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vouching import vouch_for

CLASSES = ("cat", "dog_house", "50% & more")


def scores_of(miou: float, *, classes: tuple[str, ...] = CLASSES) -> dict[str, Any]:
    """A pseudo label of that mIoU, its maps some points below it."""

    def score(value: float) -> dict[str, Any]:
        return {
            "miou": value,
            "threshold": 0.25,
            "best": {"miou": value + 0.5, "threshold": 0.3},
            "per_class": dict.fromkeys(["background", *classes], value),
        }

    labels = score(miou)
    return {
        "cams": score(miou - 15),
        "revised_maps": score(miou - 1),
        "pseudo_labels": {"miou": labels["miou"], "per_class": labels["per_class"]},
        "photographs": 480,
    }


@pytest.fixture
def write_scores(tmp_path: Path) -> Callable[..., dict[str, Path]]:
    """Writes the scores of experiments; returns the folder of each evaluation."""

    def write(scores: dict[str, dict[str, Any]]) -> dict[str, Path]:
        folders = {name: tmp_path / name / "evaluation" for name in scores}
        for name, folder in folders.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scores.json").write_text(json.dumps(scores[name]))
            vouch_for(folder)
        return folders

    return write
