"""The classification network whose class maps become localisation maps (Section 3.2)."""

from typing import Any

import torch
from torch import nn

from bes.method.attention_pooling import attention_pool
from bes.networks.backbone import Backbone
from bes.networks.backbones import build_backbone

POOLINGS = ("features", "class_maps", "gap")


class Classifier(nn.Module):
    """Backbone, 1x1 convolution without bias, pooling to one score per class.

    `pooling`: `class_maps` is Eq. 6-7 as printed; `features` puts the attention on each feature
    channel before the classifier, as the published code does; `gap` is the CAM baseline.
    """

    def __init__(self, backbone: Backbone, n_classes: int, *, pooling: str, k: float, detach: bool):
        super().__init__()
        assert pooling in POOLINGS, pooling
        self.backbone: Backbone = backbone
        self.classifier = nn.Conv2d(backbone.channels[-1], n_classes, 1, bias=False)
        self.pooling, self.k, self.detach = pooling, k, detach

    def class_maps(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) normalised -> M of Eq. 6, (B,C,h,w) at the last stride of the backbone."""
        return self.classifier(self.backbone(images)[-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) normalised -> scores (B,C) before the sigmoid."""
        if self.pooling == "features":
            pooled = attention_pool(self.backbone(images)[-1], self.k, detach=self.detach)
            return self.classifier(pooled[:, :, None, None]).flatten(1)
        k = 0.0 if self.pooling == "gap" else self.k
        return attention_pool(self.class_maps(images), k, detach=self.detach)


def build_classifier(settings: dict[str, Any], weights: str) -> Classifier:
    """The network of the settings stored with it; `weights` as in `build_backbone`."""
    settings = dict(settings)
    backbone = build_backbone(settings.pop("backbone"), weights)
    return Classifier(backbone, settings.pop("n_classes"), **settings)
