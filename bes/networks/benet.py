"""BENet: one boundary logit a pixel from the features of all stages (Section 3.1)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bes.networks.backbone import Backbone
from bes.networks.backbones import build_backbone
from bes.networks.grid import resample

STRIDE = 4
"""A boundary map has 1/4 of the photograph's resolution."""


class BENet(nn.Module):
    """Heads of 32 channels with GroupNorm on each stage, brought to 1/4, concatenated and fused."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone: Backbone = backbone
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 32, 1, bias=False), nn.GroupNorm(4, 32))
            for channels in backbone.channels
        )
        self.fuse = nn.Conv2d(32 * len(self.heads), 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) normalised -> logits (B,1,ceil(H/4),ceil(W/4))."""
        size = [-(-length // STRIDE) for length in images.shape[-2:]]
        resized = []
        stages = zip(self.heads, self.backbone(images), self.backbone.strides, strict=True)
        for head, features, stride in stages:
            x = resample(head(features), size, (stride / STRIDE, stride / STRIDE))
            resized.append(F.relu(x))
        return self.fuse(torch.cat(resized, 1))


def build_benet(settings: dict[str, Any], weights: str) -> BENet:
    """The network of the settings stored with it; `weights` as in `build_backbone`."""
    return BENet(build_backbone(settings["backbone"], weights))
