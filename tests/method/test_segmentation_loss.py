"""The segmentation loss against sums written out by hand."""

import math

import pytest
import torch

from bes.method.segmentation_loss import segmentation_loss


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Pixels of label probabilities -> logits (1,1,K,1,pixels)."""
    return torch.tensor(probabilities).log().T[None, None, :, None, :]


def test_it_is_the_mean_negative_log_probability_of_the_labelled_pixels() -> None:
    logits = logits_of([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
    labels = torch.tensor([[[0, 1, 255]]], dtype=torch.uint8)
    loss = segmentation_loss(logits, labels, balanced=False)
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)


def test_balanced_gives_background_and_foreground_half_the_weight_each() -> None:
    logits = logits_of([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5], [0.2, 0.8]])
    labels = torch.tensor([[[0, 0, 0, 1]]], dtype=torch.uint8)
    background = -(2 * math.log(0.5) + math.log(0.25)) / 3
    loss = segmentation_loss(logits, labels, balanced=True)
    assert loss.item() == pytest.approx((background - math.log(0.8)) / 2)


def test_balanced_without_foreground_is_the_plain_loss() -> None:
    logits, labels = torch.randn(2, 3, 4, 5, 6), torch.zeros(2, 5, 6, dtype=torch.uint8)
    plain, balanced = (segmentation_loss(logits, labels, balanced=b) for b in (False, True))
    assert balanced.item() == pytest.approx(plain.item())


def test_scales_are_summed() -> None:
    logits = torch.randn(2, 1, 4, 5, 6)
    labels = torch.randint(0, 4, (2, 5, 6)).to(torch.uint8)
    one, three = (
        segmentation_loss(logits.expand(-1, scales, -1, -1, -1), labels, balanced=True)
        for scales in (1, 3)
    )
    assert three.item() == pytest.approx(3 * one.item(), rel=1e-5)


@pytest.mark.parametrize("balanced", [False, True])
def test_a_batch_without_labels_has_no_loss_and_no_gradient(balanced: bool) -> None:
    logits = torch.randn(1, 2, 3, 4, 4, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 4, 4), 255), balanced=balanced)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None and not logits.grad.any()
