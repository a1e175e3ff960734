"""The boundary classification loss, Eq. 4."""

import math

import pytest
import torch

from bes.method.boundary_labels import BoundaryLabel
from bes.method.boundary_loss import boundary_loss


def filled(label: int, logit: float = 0.0, pixels: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.full((1, 1, 1, pixels), logit, dtype=torch.float64, requires_grad=True)
    return logits, torch.full((1, 1, pixels), label, dtype=torch.uint8)


@pytest.mark.parametrize("case", range(2))
def test_golden_loss_and_gradient_are_met(golden, case):
    vectors = golden(f"boundary_loss_{case}")
    logits = torch.from_numpy(vectors["logits"]).float().requires_grad_()
    loss = boundary_loss(logits, torch.from_numpy(vectors["labels"]))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(vectors["loss"].item(), abs=1e-6)
    assert loss.boundary.item() == pytest.approx(vectors["loss_boundary"].item(), abs=1e-6)
    assert loss.ground.item() == pytest.approx(vectors["loss_ground"].item(), abs=1e-6)
    assert abs(logits.grad.numpy() - vectors["grad"]).max() < 1e-6


@pytest.mark.parametrize("label", [BoundaryLabel.UNCERTAIN, 255])
def test_pixels_without_a_label_cost_nothing(label):
    logits, labels = filled(label, logit=3.0)
    loss = boundary_loss(logits, labels)
    loss.total.backward()
    assert loss.total == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("label", [BoundaryLabel.BOUNDARY_FG_BG, BoundaryLabel.BOUNDARY_FG_FG])
def test_both_kinds_of_boundary_cost_the_same(label):
    loss = boundary_loss(*filled(label))
    assert loss.boundary.item() == pytest.approx(0.9 * math.sqrt(0.5) * math.log(2))
    assert loss.ground == 0


@pytest.mark.parametrize("label", [BoundaryLabel.BACKGROUND, BoundaryLabel.FOREGROUND])
def test_foreground_and_background_cost_half_each(label):
    loss = boundary_loss(*filled(label))
    assert loss.ground.item() == pytest.approx(0.9 * 0.5 * math.log(2))
    assert loss.boundary == 0


def test_an_unlikely_boundary_pulls_less_than_plain_cross_entropy():
    logits, labels = filled(BoundaryLabel.BOUNDARY_FG_BG, logit=-4.0, pixels=1)
    boundary_loss(logits, labels).total.backward()
    probability = torch.sigmoid(torch.tensor(-4.0, dtype=torch.float64))
    plain = -(1 - probability) / 2  # over one pixel plus one
    assert logits.grad.item() == pytest.approx((probability.sqrt() * plain).item())


@pytest.mark.parametrize("logit", [-1e4, 1e4])
@pytest.mark.parametrize("label", [BoundaryLabel.BOUNDARY_FG_BG, BoundaryLabel.FOREGROUND])
def test_certainty_does_not_cost_infinitely(label, logit):
    assert boundary_loss(*filled(label, logit)).total.isfinite()


@pytest.mark.parametrize(
    ("label", "logit", "cost"),
    [
        (BoundaryLabel.BOUNDARY_FG_BG, -99.0, math.sqrt(1e-4) * math.log(1e4)),
        (BoundaryLabel.BACKGROUND, 99.0, math.log(1e4) / 2),
        (BoundaryLabel.FOREGROUND, 99.0, math.log(1e4) / 2),
    ],
)
def test_a_pixel_costs_at_most_what_a_probability_of_one_in_ten_thousand_does(label, logit, cost):
    loss = boundary_loss(*filled(label, logit, pixels=1))
    assert loss.total.item() == pytest.approx(cost / 2)  # over one pixel plus one


def test_half_precision_logits_give_a_float32_loss():
    logits, labels = filled(BoundaryLabel.FOREGROUND, logit=9.0)
    assert boundary_loss(logits.half(), labels).total.dtype == torch.float32
