"""The boundary classification loss that BENet is trained with (Eq. 4)."""

from typing import NamedTuple

import torch
from torch import Tensor

from bes.method.boundary_labels import BoundaryLabel

# Probabilities are kept this far from 0 and 1, so that no logarithm is infinite.
EPSILON = 1e-4


class BoundaryLoss(NamedTuple):
    """Scalars; `total` is the sum of the other two, one for each side of Eq. 4."""

    total: Tensor
    boundary: Tensor
    ground: Tensor


def boundary_loss(logits: Tensor, labels: Tensor) -> BoundaryLoss:
    """Cross-entropy averaged apart over boundary, foreground and background pixels (Eq. 4).

    A boundary pixel weighs W = sqrt(P), no gradient through W, which relaxes labels the network
    finds unlikely. The sets are those of the whole batch, and one is added to their sizes so that
    an empty set costs nothing.

    Args:
        logits: (B, 1, h, w), before the sigmoid.
        labels: (B, h, w) `BoundaryLabel` values; uncertain pixels have no part in the loss, nor
            has any other value (such as the 255 of padding).

    Returns:
        `BoundaryLoss` in nats, float32 or the precision of the logits if that is higher.
    """
    scores = logits.squeeze(1)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    probability = scores.sigmoid().clamp(EPSILON, 1 - EPSILON)

    def mean_over(members: Tensor, costs: Tensor) -> Tensor:
        return (costs * members).sum() / (members.sum() + 1)

    edge = (labels == BoundaryLabel.BOUNDARY_FG_BG) | (labels == BoundaryLabel.BOUNDARY_FG_FG)
    edge_costs = -probability.detach().sqrt() * probability.log()
    ground_costs = -(1 - probability).log()

    boundary = mean_over(edge, edge_costs)
    ground = 0.5 * (
        mean_over(labels == BoundaryLabel.FOREGROUND, ground_costs)
        + mean_over(labels == BoundaryLabel.BACKGROUND, ground_costs)
    )
    return BoundaryLoss(boundary + ground, boundary, ground)
