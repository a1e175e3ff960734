"""Where features lie on a photograph: cell i of stride s stands for the pixels from s * i on.

So it is however many cells there are: a network that pads an incomplete cell has one more than a
network that cuts it off, and stretching either to the size of the photograph would move all others.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F


def resample(maps: torch.Tensor, size: Sequence[int], factors: tuple[float, float]) -> torch.Tensor:
    """(B,C,h,w) -> (B,C,*size), bilinear: enlarged by these factors of height and width, whatever
    the sizes, then cut, or continued by its last cells where it ends too soon."""
    missing = [
        _missing(cells, length, factor)
        for cells, length, factor in zip(maps.shape[-2:], size, factors, strict=True)
    ]
    if any(missing):
        maps = F.pad(maps, (0, missing[1], 0, missing[0]), mode="replicate")
    enlarged = F.interpolate(maps, scale_factor=factors, mode="bilinear", align_corners=False)
    return enlarged[..., : size[0], : size[1]]


def _missing(cells: int, length: int, factor: float) -> int:
    """How many cells to continue maps by before they are enlarged."""
    # One more than is needed, as the length of the result is rounded down.
    needed = math.ceil(length / factor) + 1 if int(cells * factor) < length else cells
    if factor > 1 and int(needed * factor) == needed:
        # Where a result has the length of its source, torch copies it whatever the factor.
        needed = math.ceil(1 / (factor - 1)) + 1
    return needed - cells


def labels_of_cells(labels: torch.Tensor, stride: int, cells: Sequence[int]) -> torch.Tensor:
    """(B,H,W) -> (B,*cells): the label in the middle of each cell, as nearest-neighbour resizing
    takes it; of a cell that the picture ends in before, its last one."""
    rows, columns = (
        (torch.arange(count, device=labels.device) * stride + stride // 2).clamp(max=length - 1)
        for count, length in zip(cells, labels.shape[-2:], strict=True)
    )
    return labels[:, rows[:, None], columns]
