"""Networks as inference runs them are the networks that were trained, to rounding."""

import copy

import pytest
import torch
from torch import nn

from bes.networks.backbones import build_backbone
from bes.networks.benet import BENet
from bes.networks.classifier import Classifier
from bes.networks.deeplab import build_deeplab
from bes.networks.inference import for_inference

BACKBONES = ["resnet18", "resnet50", "vgg16", "mobilenet_v2", "timm:efficientnet_lite0"]


def with_statistics(network: nn.Module) -> nn.Module:
    """BatchNorm as after a training."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for values in (module.running_var, module.weight.data):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.running_mean, module.bias.data):
                values.copy_(torch.randn(values.shape, generator=generator) * 0.1)
    return network.eval()


def build(kind: str, backbone: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "deeplab":
        settings = {"backbone": backbone, "n_labels": 4, "head": "aspp", "output_stride": 16}
        return build_deeplab(settings, "none")
    stages = build_backbone(backbone, "none")
    if kind == "benet":
        return BENet(stages)
    return Classifier(stages, 3, pooling="gap", k=1.0, detach=False)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("kind", ["classifier", "benet", "deeplab"])
@torch.inference_mode()
def test_folded_networks_give_the_same(kind: str, backbone: str) -> None:
    network = with_statistics(build(kind, backbone))
    images = torch.randn(2, 3, 65, 83, generator=torch.Generator().manual_seed(1))

    def outputs(found: nn.Module) -> torch.Tensor:
        return found.class_maps(images) if kind == "classifier" else found(images)

    expected = outputs(network)
    folded = for_inference(copy.deepcopy(network))
    torch.testing.assert_close(
        outputs(folded), expected, rtol=0, atol=1e-5 * float(expected.abs().max())
    )
    if backbone != "vgg16":  # which has none
        left = [m for m in folded.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert not left
