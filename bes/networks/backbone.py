"""An ImageNet classifier as stages of features, the last at 1/16 of the photograph or finer."""

from collections.abc import Sequence

import torch
from torch import nn


class Backbone(nn.Module):
    """Stages, one after another; `forward` gives the features after each.

    `channels` and `strides` are those of the features. At output stride 16:

    | backbone | strides |
    |---|---|
    | ResNet-18, -50, -101 | 4, 4, 8, 16, 16 |
    | VGG-16 | 1, 2, 4, 8, 16 |
    | MobileNet-V2 | 2, 4, 8, 16, 16 |
    | of timm | the model's, most often four or five stages |
    | vision transformer of timm | 4, 8, 16, 16, enlarged (`TransformerBackbone`) |
    """

    def __init__(
        self, stages: Sequence[nn.Module], channels: Sequence[int], strides: Sequence[int]
    ):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels, self.strides = tuple(channels), tuple(strides)
        self.frozen_stages = 0
        self.frozen_norm = False

    def freeze(self, stages: int, *, norm: bool) -> None:
        """Take the first stages out of training; `norm` keeps every BatchNorm at its running
        statistics."""
        self.frozen_stages, self.frozen_norm = stages, norm
        for stage in self.stages[:stages]:
            stage.requires_grad_(False)

    def train(self, mode: bool = True) -> "Backbone":
        """A frozen stage and a frozen BatchNorm stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[: self.frozen_stages]:
            stage.eval()
        if self.frozen_norm:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B,3,H,W), normalised with the statistics of ImageNet -> (B,channels,h,w) per stage."""
        features = []
        x = images
        for number, stage in enumerate(self.stages):
            # no_grad, not only requires_grad=False: nothing is kept for a backward pass.
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                x = stage(x)
            features.append(x)
        return features
