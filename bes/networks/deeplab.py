"""DeepLab: one logit per label and pixel, from the last features of a dilated backbone."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bes.networks.backbone import Backbone
from bes.networks.backbones import build_backbone
from bes.networks.grid import resample

ASPP_RATES = (6, 12, 18, 24)


class Aspp(nn.Module):
    """Atrous spatial pyramid pooling of DeepLab-v2: the sum of four dilated 3x3 convolutions."""

    def __init__(self, channels: int, n_labels: int):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, n_labels, 3, padding=rate, dilation=rate) for rate in ASPP_RATES
        )
        _initialise(self)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B,channels,h,w) -> (B,n_labels,h,w)."""
        return torch.stack([branch(features) for branch in self.branches]).sum(0)


class LargeFov(nn.Sequential):
    """fc6 (3x3, dilation 12), fc7 and fc8 of DeepLab-CRF-LargeFOV, with dropout between them."""

    def __init__(self, channels: int, n_labels: int):
        super().__init__(
            nn.Conv2d(channels, 1024, 3, padding=12, dilation=12),
            nn.ReLU(inplace=True),
            nn.Dropout2d(),
            nn.Conv2d(1024, 1024, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(),
            nn.Conv2d(1024, n_labels, 1),
        )
        # The two hidden layers start from torch's own, which keeps the variance of the features.
        _initialise(self[-1])


HEADS = {"aspp": Aspp, "largefov": LargeFov}


class DeepLab(nn.Module):
    """A backbone and the head of one of the two networks of Section 4.1."""

    def __init__(self, backbone: Backbone, n_labels: int, *, head: str):
        super().__init__()
        self.backbone: Backbone = backbone
        self.head = HEADS[head](backbone.channels[-1], n_labels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) normalised -> logits (B,n_labels,h,w) at the backbone's output stride."""
        return self.head(self.backbone(images)[-1])


class MultiScale(nn.Module):
    """The logits at several scales and their maximum, for the multi-scale loss of DeepLab-v2."""

    def __init__(self, network: DeepLab, scales: Sequence[float]):
        super().__init__()
        self.network, self.scales = network, tuple(scales)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) -> (B,S,n_labels,h,w), all at the size of the first scale's logits.

        S is the number of scales, and one more for the maximum where there are several.
        """
        logits = [self.network(_resize(images, scale)) for scale in self.scales]
        size = logits[0].shape[-2:]
        logits = [
            resample(x, size, (1 / scale, 1 / scale))
            for x, scale in zip(logits, self.scales, strict=True)
        ]
        if len(logits) > 1:
            logits.append(torch.stack(logits).amax(0))
        return torch.stack(logits, 1)


def probability_of_scales(logits: torch.Tensor, *, merge: str) -> torch.Tensor:
    """(S,B,K,h,w) logits of S scales -> (B,K,h,w) probabilities of K labels.

    `max` takes the highest logit of the scales (DeepLab-v2), `mean` the mean probability.
    """
    return logits.amax(0).softmax(1) if merge == "max" else logits.softmax(2).mean(0)


def _resize(images: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return images
    return F.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)


def build_deeplab(settings: dict[str, Any], weights: str) -> DeepLab:
    """The network of the settings stored with it; `weights` as in `build_backbone`."""
    backbone = build_backbone(
        settings["backbone"], weights, output_stride=settings["output_stride"]
    )
    return DeepLab(backbone, settings["n_labels"], head=settings["head"])


def _initialise(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
