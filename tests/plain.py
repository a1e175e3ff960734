"""The formulas of the stages in a few plain lines, to hold the stages against."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, red, green, blue."""


def normalised(photo: np.ndarray) -> torch.Tensor:
    """uint8 (H,W,3) -> float32 (3,H,W)."""
    channels = [(photo[..., c] / 255 - MEAN[c]) / STD[c] for c in range(3)]
    return torch.tensor(np.array(channels), dtype=torch.float32)


def as_both_take_it(photo: torch.Tensor, model: str) -> list[torch.Tensor]:
    """float32 (3,H,W) in [0, 1] -> as every backbone takes it, and as timm's model was trained."""
    import timm

    config = timm.get_pretrained_cfg(model)
    return [
        (photo - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        for mean, std in ((MEAN, STD), (config.mean, config.std))
    ]


def resized(photo: np.ndarray, factor: float) -> np.ndarray:
    """A photograph at another size, bicubic."""
    height, width = (round(length * factor) for length in photo.shape[:2])
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def bilinear(
    maps: np.ndarray, size: Sequence[int], factors: tuple[float, float] | None = None
) -> np.ndarray:
    """(K,h,w) -> (K,*size): pixel i lies at (i + 1/2) / factor - 1/2; the border goes on outside.

    Without factors the maps are stretched to the size.
    """
    cells = maps.shape[1:]
    if factors is None:
        factors = (size[0] / cells[0], size[1] / cells[1])
    for axis in (0, 1):
        place = (np.arange(size[axis]) + 0.5) / factors[axis] - 0.5
        place = place.clip(0, cells[axis] - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, cells[axis] - 1)
        share = (place - low).reshape((-1, 1) if axis == 0 else (1, -1))
        maps = maps.take(low, axis + 1) * (1 - share) + maps.take(high, axis + 1) * share
    return maps


def mean_iou(predicted: np.ndarray, truth: np.ndarray, n_labels: int) -> float:
    """Over the labels that either has, in percent, without void."""
    predicted, truth = predicted[truth != 255], truth[truth != 255]
    ious = []
    for label in range(n_labels):
        hits = ((predicted == label) & (truth == label)).sum()
        either = ((predicted == label) | (truth == label)).sum()
        ious += [hits / either] if either else []
    return 100 * float(np.mean(ious))


def smooth(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A photograph of soft blobs, uint8 (height,width,3)."""
    coarse = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
