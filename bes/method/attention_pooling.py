"""Attention pooling: class scores as attention-weighted sums of activations (Eq. 6-7)."""

import torch
from torch import Tensor


def attention_pool(maps: Tensor, k: float, *, detach: bool = True) -> Tensor:
    """Sum every channel over its positions, weighted by the softmax of k times itself.

    k = 0 is the global average, k to infinity the global maximum. The channels may be class maps
    (Eq. 6-7 as printed) or features ahead of a linear classifier (as published).

    Args:
        maps: (B, C, h, w) activations, float.
        k: intensity of the attention, in 1 / unit of activation.
        detach: let no gradient through the attention weights, as the published code does; the
            paper does not say.

    Returns:
        (B, C) scores in the unit of the maps; float32 where the softmax is autocast to it.
    """
    activations = maps.flatten(2)
    attention = torch.softmax(k * activations, dim=2)
    if detach:
        attention = attention.detach()
    return (activations * attention).sum(dim=2)
