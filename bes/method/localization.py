"""Localisation maps (CAM): raw class maps of several scales merged and normalised (Eq. 8)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

# Keeps a class without any activation at zero instead of 0 / 0.
EPSILON = 1e-5

# The published code interpolates to a whole number of network strides and crops what is over.
NETWORK_STRIDE = 16


def merge_scales(
    raw_maps: Sequence[Tensor],
    size: tuple[int, int],
    *,
    present: Sequence[int],
    stride: int | None = None,
) -> Tensor:
    """Sum the raw maps of all scales at one size and divide each class by its maximum.

    Eq. 8 for several scales, as published: the maps come in after their ReLU, so background is 0
    and not negative, and only classes known to be in the photograph are kept.

    Args:
        raw_maps: per scale (C, h_s, w_s), non-negative, original and flipped pass summed.
        size: (H, W) of the photograph in pixels.
        present: channels to keep, in the order wanted; may be empty.
        stride: None for the size of the photograph, else maps of ceil(H / stride) by
            ceil(W / stride).

    Returns:
        (len(present), height, width) in [0, 1], dtype and device of the raw maps. The maximum of
        a class is just under 1, or 0 for a class without activation.
    """
    height, width = size
    if stride is None:
        merged_size = (_round_up(height, NETWORK_STRIDE), _round_up(width, NETWORK_STRIDE))
    else:
        merged_size = height, width = -(-height // stride), -(-width // stride)

    channels = list(present)
    if not channels:
        return raw_maps[0].new_zeros((0, height, width))

    merged = torch.stack(
        [
            interpolate(raw[None, channels], merged_size, mode="bilinear", align_corners=False)[0]
            for raw in raw_maps
        ]
    ).sum(dim=0)[:, :height, :width]
    return merged / (merged.amax(dim=(1, 2), keepdim=True) + EPSILON)


def lower(maps: Tensor, share: float) -> Tensor:
    """Localisation maps without the level that a share of the photograph stays below.

    This is no part of the paper. A classifier that has learnt little scores the background too; its
    level differs from one classifier to another, and with it every threshold.

    Args:
        maps: (K,H,W) in [0, 1].
        share: of the pixels, in [0, 1).

    Returns:
        (K,H,W) in [0, 1], each map lowered by its quantile `share`, cut at 0, and divided by its
        maximum.
    """
    level = maps.flatten(1).quantile(share, dim=1)[:, None, None]
    lowered = (maps - level).clamp(min=0)
    return lowered / (lowered.amax(dim=(1, 2), keepdim=True) + EPSILON)


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
