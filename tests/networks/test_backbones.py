"""A backbone gives the features of its ImageNet classifier, at the strides that it states."""

from itertools import pairwise

import pytest
import torch
import torchvision
from torch import nn

from bes.networks.backbone import Backbone
from bes.networks.backbones import build_backbone
from bes.networks.benet import BENet
from bes.networks.classifier import Classifier
from bes.options.backbones import BACKBONES

SIZE = (65, 99)
STRIDES = {
    "resnet18": (4, 4, 8, 16, 16),
    "resnet50": (4, 4, 8, 16, 16),
    "resnet101": (4, 4, 8, 16, 16),
    "vgg16": (1, 2, 4, 8, 16),
    "resnet34": (4, 4, 8, 16, 16),
    "vgg11_bn": (1, 2, 4, 8, 16),
    "mobilenet_v2": (2, 4, 8, 16, 16),
}
EVERY = [*BACKBONES, "timm:resnet10t", "timm:convnext_atto"]
UNNAMED = ["resnet34", "vgg11_bn"]
"""Of a known family, though no configuration can name them."""
SMALL = ["resnet18", "vgg16", "mobilenet_v2", "timm:resnet10t", "timm:convnext_atto"]


def image() -> torch.Tensor:
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def features_of(backbone: Backbone) -> list[torch.Tensor]:
    with torch.no_grad():
        return backbone.eval()(image())


def convolutions(stage: nn.Module, kernel: int) -> list[nn.Conv2d]:
    found = [m for m in stage.modules() if isinstance(m, nn.Conv2d)]
    return [m for m in found if m.kernel_size == (kernel, kernel)]


@pytest.mark.parametrize("name", [*EVERY, *UNNAMED])
def test_features_have_the_stated_channels_and_strides_at_odd_sizes(name: str) -> None:
    backbone = build_backbone(name, "none")
    assert backbone.strides == STRIDES.get(name, backbone.strides)
    assert backbone.strides[-1] == 16
    features = features_of(backbone)
    assert [x.shape[1] for x in features] == list(backbone.channels)
    for x, stride in zip(features, backbone.strides, strict=True):
        for found, length in zip(x.shape[2:], SIZE, strict=True):
            # Pools without padding cut an incomplete window off.
            assert found in (length // stride, -(-length // stride))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_where_no_stride_was_changed_the_features_are_those_of_torchvision(name: str) -> None:
    torch.manual_seed(1)
    network = torchvision.models.get_model(name, weights=None).eval()
    torch.manual_seed(1)
    features = features_of(build_backbone(name, "none"))
    with torch.no_grad():
        x = network.maxpool(network.relu(network.bn1(network.conv1(image()))))
        for number, layer in enumerate(
            [nn.Identity(), network.layer1, network.layer2, network.layer3]
        ):
            x = layer(x)
            assert torch.equal(features[number], x)


def test_the_last_stage_sees_at_every_second_place_what_torchvision_computes() -> None:
    """A stride taken out leaves the first block as it was at the places that the stride kept."""
    torch.manual_seed(1)
    network = torchvision.models.resnet18(weights=None).eval()
    torch.manual_seed(1)
    backbone = build_backbone("resnet18", "none")
    x = features_of(backbone)[3]
    with torch.no_grad():
        ours = backbone.stages[4].get_submodule("0.conv1")(x)
        assert torch.allclose(ours[..., ::2, ::2], network.layer4[0].conv1(x), atol=1e-5)


def test_the_last_features_of_vgg_are_those_before_its_last_pool() -> None:
    torch.manual_seed(1)
    backbone = build_backbone("vgg16", "none")
    plain = torchvision.models.vgg16(weights=None, init_weights=False).features
    state = {k.split(".", 2)[2]: v for k, v in backbone.state_dict().items()}
    plain.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(features_of(backbone)[4], plain[:30](image()))


def test_mobilenet_keeps_all_but_the_stride_of_its_last_stage() -> None:
    torch.manual_seed(1)
    plain = torchvision.models.mobilenet_v2(weights=None).features.eval()
    torch.manual_seed(1)
    features = features_of(build_backbone("mobilenet_v2", "none"))
    with torch.no_grad():
        x = image()
        for number, (first, last) in enumerate(pairwise((0, 2, 4, 7, 14))):
            x = plain[first:last](x)
            assert torch.equal(features[number], x)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_at_stride_8_every_fourth_place_has_the_features_of_the_plain_network(name: str) -> None:
    torch.manual_seed(1)
    network = torchvision.models.get_model(name, weights=None).eval()
    # Without pooling and fully connected layer, or dropout and classifier.
    children = list(network.children())
    plain = nn.Sequential(*children[:-2]) if name.startswith("resnet") else children[0]
    torch.manual_seed(1)
    features = features_of(build_backbone(name, "none", output_stride=8))
    assert [x.shape[2:] for x in features[2:]] == [torch.Size((9, 13))] * 3
    with torch.no_grad():
        found, expected = features[-1][..., ::4, ::4], plain(image())
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_vgg_at_stride_8_dilates_its_last_convolutions_by_2() -> None:
    backbone = build_backbone("vgg16", "none", output_stride=8)
    assert {m.dilation for m in convolutions(backbone.stages[4], 3)} == {(2, 2)}
    features = features_of(backbone)
    assert features[4].shape[2:] == features[3].shape[2:]


@pytest.mark.parametrize("name", SMALL)
def test_a_frozen_stage_gets_no_gradient_and_keeps_its_statistics(name: str) -> None:
    backbone = build_backbone(name, "none")
    backbone.freeze(3, norm=False)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    features = backbone.train()(image())
    assert [x.requires_grad for x in features] == [False] * 3 + [True] * (len(features) - 3)
    features[-1].square().mean().backward()
    for number, stage in enumerate(backbone.stages):
        gradients = [p.grad is not None for p in stage.parameters()]
        assert any(gradients) == (number >= 3)
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert not [key for key in changed if key.startswith(("stages.0", "stages.1", "stages.2"))]
    # VGG-16 and ConvNeXt have no BatchNorm, so nothing changes in a forward pass.
    assert bool(changed) == any("running_mean" in key for key in before)


@pytest.mark.parametrize("name", SMALL)
def test_frozen_statistics_stay_in_all_stages_though_these_are_trained(name: str) -> None:
    backbone = build_backbone(name, "none")
    backbone.freeze(0, norm=True)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    backbone.train()(image())[-1].square().mean().backward()
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.parametrize("name", ["vgg16", "timm:convnext_atto"])
def test_classifier_and_benet_take_as_many_stages_as_there_are(name: str) -> None:
    backbone = build_backbone(name, "none")
    classifier = Classifier(backbone, 4, pooling="features", k=0.001, detach=True).eval()
    benet = BENet(backbone).eval()
    assert len(benet.heads) == len(backbone.stages)
    with torch.no_grad():
        assert classifier(image()).shape == (2, 4)
        assert benet(image()).shape == (2, 1, 17, 25)
