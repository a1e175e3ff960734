"""Loss of inter-pixel relations, which IRNet learns boundaries from (Ahn et al., CVPR 2019).

Section 4 there, its boundary branch: no pixel is labelled boundary. Labels say of two nearby pixels
whether they belong to one class, and the boundary has to be somewhere between those that do not.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from bes.method.confident_labels import UNCERTAIN_CLASS
from bes.method.pixel_pairs import directions

# Added to probabilities, so that no logarithm is infinite.
EPSILON = 1e-5


class InterPixelLoss(NamedTuple):
    """Scalars; `total` is half the first two and the third."""

    total: Tensor
    foreground: Tensor
    background: Tensor
    different: Tensor


def inter_pixel_loss(logits: Tensor, labels: Tensor, *, radius: int) -> InterPixelLoss:
    """Cross-entropy of "the same class", averaged apart over three sets of pairs of pixels.

    The affinity a of two pixels is 1 - m, where m is the largest boundary probability on the line
    between them, ends included (Eq. 5 with beta 1). Pairs of one class cost -log(a), pairs of two
    classes -log(1 - a). The sets are those of the whole batch; an empty one costs nothing.

    Args:
        logits: (B, 1, h, w), before the sigmoid.
        labels: (B, h, w) uint8, 0 background, label indices, 255 uncertain: pairs with an uncertain
            end have no part in the loss.
        radius: distance that the pixels of a pair stay under, pixels of the logits.

    Returns:
        `InterPixelLoss` in nats, float32 or the precision of the logits if that is higher.
    """
    scores = logits.squeeze(1)
    boundary = scores.to(torch.promote_types(scores.dtype, torch.float32)).sigmoid()
    # The largest value of a line is looked for by rank, without gradient: looking up its value has
    # one step of gradient, the maximum pixel by pixel as many as the line has pixels.
    values, order = boundary.flatten(1).sort()
    ranks = order.argsort().int().view_as(boundary)
    costs, sizes = boundary.new_zeros(3), boundary.new_zeros(3)
    for direction in directions(*boundary.shape[1:], radius=radius):
        largest = direction.largest_between(ranks).flatten(1).long()
        between = values.gather(1, largest)
        first = direction.pixels(labels).flatten(1)
        second = direction.pixels(labels, *direction).flatten(1)
        same = first == second
        certain = (first != UNCERTAIN_CLASS) & (second != UNCERTAIN_CLASS)
        alike = certain & same
        sets = torch.stack([alike & (first != 0), alike & (first == 0), certain & ~same])
        weights = sets.flatten(1).to(boundary.dtype)
        cost = -(torch.where(same, 1 - between, between) + EPSILON).log()
        costs = costs + weights @ cost.flatten()
        sizes = sizes + weights.sum(dim=1)
    foreground, background, different = costs / sizes.clamp(min=1)
    return InterPixelLoss(
        (foreground + background) / 2 + different, foreground, background, different
    )
