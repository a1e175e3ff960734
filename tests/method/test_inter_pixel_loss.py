"""The loss of inter-pixel relations."""

import math

import numpy as np
import pytest
import torch

from bes.method.inter_pixel_loss import EPSILON, inter_pixel_loss

UNCERTAIN = 255


def pair_by_pair(probability: np.ndarray, labels: np.ndarray, radius: int) -> dict[str, float]:
    """The loss as it is defined, a pair at a time."""
    costs: dict[str, list[float]] = {"foreground": [], "background": [], "different": []}
    for b, y0, x0 in np.ndindex(labels.shape):
        for y1, x1 in np.ndindex(labels.shape[1:]):
            dy, dx = y1 - y0, x1 - x0
            length = math.hypot(dy, dx)
            one, other = labels[b, y0, x0], labels[b, y1, x1]
            if (y1, x1) <= (y0, x0) or length >= radius or UNCERTAIN in (one, other):
                continue
            affinity = 1 - max(
                probability[b, y, x]
                for y in range(min(y0, y1), max(y0, y1) + 1)
                for x in range(min(x0, x1), max(x0, x1) + 1)
                if abs(dy * (x - x0) - dx * (y - y0)) / length < 1
            )
            if one != other:
                costs["different"].append(-math.log(1 - affinity + EPSILON))
            else:
                name = "foreground" if one else "background"
                costs[name].append(-math.log(affinity + EPSILON))
    means = {name: float(np.mean(values)) if values else 0.0 for name, values in costs.items()}
    half = (means["foreground"] + means["background"]) / 2
    return means | {"total": half + means["different"]}


@pytest.fixture
def logits(rng) -> torch.Tensor:
    return torch.from_numpy(rng.normal(size=(2, 1, 6, 7))).requires_grad_()


@pytest.fixture
def labels(rng) -> torch.Tensor:
    return torch.from_numpy(rng.choice(np.array([0, 1, 2, UNCERTAIN], np.uint8), (2, 6, 7)))


@pytest.mark.parametrize("radius", [2, 3, 5, 10])
def test_it_is_the_mean_over_pairs_of_pixels(logits, labels, radius):
    loss = inter_pixel_loss(logits, labels, radius=radius)
    expected = pair_by_pair(logits.sigmoid()[:, 0].detach().numpy(), labels.numpy(), radius)
    assert {name: term.item() for name, term in loss._asdict().items()} == pytest.approx(expected)


def test_its_gradient_is_the_slope(logits, labels):
    def total(x):
        return inter_pixel_loss(x, labels, radius=4).total

    assert torch.autograd.gradcheck(total, logits)


def test_of_a_line_the_likeliest_boundary_alone_is_pulled():
    logits = torch.tensor([-2.0, -1.0, 1.0, -3.0]).view(1, 1, 1, 4).requires_grad_()
    labels = torch.tensor([1, UNCERTAIN, UNCERTAIN, 0], dtype=torch.uint8).view(1, 1, 4)
    inter_pixel_loss(logits, labels, radius=4).total.backward()
    assert logits.grad.flatten().nonzero().flatten().tolist() == [2]
    assert logits.grad.flatten()[2] < 0


@pytest.mark.parametrize(("label", "term"), [(3, "foreground"), (0, "background")])
def test_one_class_alone_asks_for_no_boundary(label, term):
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = inter_pixel_loss(logits, torch.full((1, 4, 4), label, dtype=torch.uint8), radius=3)
    loss.total.backward()
    assert getattr(loss, term).item() == pytest.approx(math.log(2), abs=1e-4)
    assert loss.total.item() == pytest.approx(math.log(2) / 2, abs=1e-4)
    assert (logits.grad >= 0).all() and logits.grad.sum() > 0


def test_pixels_without_a_label_cost_nothing():
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = inter_pixel_loss(logits, torch.full((1, 4, 4), UNCERTAIN, dtype=torch.uint8), radius=3)
    loss.total.backward()
    assert loss.total == 0
    assert (logits.grad == 0).all()


def test_a_boundary_between_the_classes_is_better_than_one_beside_it():
    labels = torch.zeros(1, 5, 9, dtype=torch.uint8)
    labels[:, :, :4] = 1
    labels[:, :, 4] = UNCERTAIN

    def total(column):
        logits = torch.full((1, 1, 5, 9), -4.0)
        logits[..., column] = 4.0
        return inter_pixel_loss(logits, labels, radius=5).total

    assert total(4) < min(total(column) for column in (0, 1, 2, 3, 5, 6, 7, 8))


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_certainty_does_not_cost_infinitely(labels, logit):
    loss = inter_pixel_loss(torch.full((2, 1, 6, 7), logit), labels, radius=3)
    assert all(term.isfinite() for term in loss)


def test_half_precision_logits_give_a_float32_loss(labels):
    loss = inter_pixel_loss(torch.zeros(2, 1, 6, 7).half(), labels, radius=3)
    assert loss.total.dtype == torch.float32
