"""Vision transformers of timm as backbones: plain ones, and those whose maps get coarser."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bes.networks.backbone import Backbone
from bes.networks.grid import resample

STRIDES = (4, 8, 16, 16)
"""Of the features after each quarter of the blocks, as of a convolutional network."""


class TransformerBackbone(Backbone):
    """Four stages of blocks; the features after each, after the model's last norm where it fits
    them, are enlarged to strides of 4, 8, 16 and 16 (a plain transformer has the same stride
    throughout, a Swin ends with 32), as BENet and CAMs need them.

    Position embeddings are interpolated to the size of the photograph, which is padded at the right
    and below to whole patches.
    """

    def __init__(self, model: Any, convert: nn.Module):
        """`model` of timm takes pictures of any size; `convert` brings them to its statistics.

        Raises AttributeError for a model whose blocks timm has no names of.
        """
        levels = model.feature_info
        quarter = len(levels) / len(STRIDES)
        self.indices = [round(quarter * number) - 1 for number in range(1, len(STRIDES) + 1)]
        super().__init__([], [levels[index]["num_chs"] for index in self.indices], STRIDES)
        self.own_strides = [levels[index]["reduction"] for index in self.indices]
        self.patch = levels[0]["reduction"]
        self.blocks = [level["module"] for level in levels]
        for name in (*self.blocks, "norm"):
            model.get_submodule(name)
        self.convert, self.model = convert, model

    def freeze(self, stages: int, *, norm: bool) -> None:
        """Take the first stages out of training, what makes patches of pixels with them."""
        super().freeze(stages, norm=norm)
        if not stages:
            return
        self.model.requires_grad_(False)
        if stages < len(self.indices):
            for name in (*self.blocks[self.indices[stages - 1] + 1 :], "norm"):
                self.model.get_submodule(name).requires_grad_(True)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B,3,H,W), normalised with the statistics of ImageNet -> (B,channels,h,w) per stage."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % self.patch, 0, -height % self.patch))
        maps: Sequence[torch.Tensor] = self.model.forward_intermediates(
            self.convert(padded),
            indices=self.indices,
            norm=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        features = []
        for x, own, stride in zip(maps, self.own_strides, self.strides, strict=True):
            size = (-(-height // stride), -(-width // stride))
            features.append(x if own == stride else resample(x, size, (own / stride, own / stride)))
        return features
