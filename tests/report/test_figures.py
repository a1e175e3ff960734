"""Threshold and loss curves."""

import io

import numpy as np
import pytest
from PIL import Image

from bes.report.figures import Curve, loss_figure, running_mean, threshold_figure

CURVE = Curve(
    name="CAM",
    thresholds=[0.1, 0.2, 0.3],
    miou=[40.0, 50.0, float("nan")],
    configured=(0.1, 40.0),
    best=(0.2, 50.0),
)


@pytest.mark.parametrize("curves", [[], [CURVE], [CURVE, CURVE]])
def test_threshold_curves_are_a_picture_with_or_without_scores(curves):
    assert Image.open(io.BytesIO(threshold_figure(curves))).width > 800


@pytest.mark.parametrize("iterations", [1, 500])
def test_losses_of_any_length_are_a_picture(iterations):
    trainings = {
        "Classifier": {"total": [1.0] * iterations},
        "BENet": {"total": [0.0] * iterations},
    }
    assert Image.open(io.BytesIO(loss_figure(trainings))).width > 800


def test_figures_are_the_same_to_the_byte():
    assert threshold_figure([CURVE]) == threshold_figure([CURVE])


def test_the_running_mean_keeps_constants_and_straight_lines():
    assert running_mean([2.0] * 100) == pytest.approx(np.full(100, 2.0))
    line = np.arange(100.0)
    assert running_mean(line)[5:-5] == pytest.approx(line[5:-5])


def test_the_running_mean_of_few_values_is_the_values():
    assert running_mean([3.0, 1.0, 2.0]) == pytest.approx([3.0, 1.0, 2.0])
