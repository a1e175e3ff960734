"""Pseudo labels with a foreground prior and segments, against the rules written out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plain import bilinear

SIZE = (37, 46)


@pytest.fixture
def photographs(project: Any, rng: np.random.Generator) -> Any:
    """Two photographs with revised maps, and folders for files from outside."""
    project.walked(rng, SIZE)
    for folder in ("priors", "segments"):
        (project.base / folder).mkdir()
    return project


def bring(project: Any, stage: str, folder: str, *flags: str) -> list[object]:
    """Run the stage of files from outside; returns the flag of its folder."""
    home = ["--dataset", project.base / "dataset", "--out", project.base / stage]
    files = ["--source", "files", "--folder", project.base / folder]
    project.command(stage, *home, *files, "--threads", 1, *flags)
    return [f"--{stage}", project.base / stage]


def full(project: Any, name: str) -> np.ndarray:
    """Revised scores at full size, the largest 1."""
    scores = bilinear(project.walk[name], SIZE, (4, 4))
    return scores / scores.max()


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether labels are the same but for scores that lie at the threshold or are equal."""
    return (found != expected).mean() < 0.005


def draw(folder: Path, name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(folder / f"{name}.png")


def test_the_mean_of_score_and_prior_is_held_against_that_of_their_thresholds(
    photographs: Any, rng: np.random.Generator
) -> None:
    prior = (bilinear(rng.random((1, 3, 3)), SIZE)[0] * 255).astype(np.uint8)
    draw(photographs.base / "priors", "a", prior)
    read = bring(photographs, "foreground", "priors", "--partial")
    assert np.array_equal(photographs.pixels("foreground", "a"), prior)
    photographs.run("pseudo_labels", *read, "--threshold", 0.3, "--no-crf")
    scores = full(photographs, "a")
    above = scores.max(0) + prior / 255 > 0.3 + 0.5
    expected = np.where(above, np.array([1, 3])[scores.argmax(0)], 0)
    assert 0.05 < above.mean() < 0.95
    assert close(photographs.pixels("pseudo_labels", "a"), expected)
    # One without a prior has the label of today.
    alone = np.where(full(photographs, "b")[0] > 0.3, 2, 0)
    assert close(photographs.pixels("pseudo_labels", "b"), alone)


def test_a_segment_has_one_label_and_pixels_without_one_decide_alone(photographs: Any) -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    segments = (1 + rows // 10 + 1000 * (columns // 12)).astype(np.uint16)
    segments[:, :5] = 0
    draw(photographs.base / "segments", "a", segments)
    read = bring(photographs, "regions", "segments", "--partial")
    assert np.array_equal(photographs.pixels("regions", "a"), segments)
    photographs.run("pseudo_labels", *read, "--threshold", 0.3, "--no-crf")
    photographs.run("teacher_labels", *read, "--threshold", 0.3, "--no-crf")
    found, scores = photographs.pixels("pseudo_labels", "a"), full(photographs, "a")
    assert np.array_equal(photographs.pixels("teacher_labels", "a"), found)
    for segment in np.unique(segments[segments > 0]):
        inside = segments == segment
        means = scores[:, inside].mean(1)
        assert set(found[inside].tolist()) == {[1, 3][means.argmax()] if means.max() > 0.3 else 0}
    free = np.where(scores.max(0) > 0.3, np.array([1, 3])[scores.argmax(0)], 0)
    assert close(found[:, :5], free[:, :5])
    # So do those of one without segments.
    alone = np.where(full(photographs, "b")[0] > 0.3, 2, 0)
    assert close(photographs.pixels("pseudo_labels", "b"), alone)
