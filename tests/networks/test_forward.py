"""Forward passes against the formulas, written out with the same weights."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from bes.networks.backbones import build_backbone
from bes.networks.benet import BENet, build_benet
from bes.networks.classifier import Classifier, build_classifier
from bes.networks.deeplab import Aspp, LargeFov, MultiScale, build_deeplab

TEN_SIZES = [
    *[(64, 64), (65, 81), (93, 125), (100, 100), (33, 47)],
    *[(75, 66), (112, 99), (97, 61), (50, 49), (127, 83)],
]


def stirred(network: nn.Module) -> nn.Module:
    """In evaluation mode, with parameters of normalisations that change something."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


def group_norm(x: torch.Tensor, norm: nn.GroupNorm) -> torch.Tensor:
    """Four groups of eight channels."""
    groups = x.reshape(len(x), 4, -1)
    mean, var = groups.mean(2, keepdim=True), groups.var(2, correction=0, keepdim=True)
    normal = ((groups - mean) / (var + 1e-5).sqrt()).reshape(x.shape)
    return normal * norm.weight[:, None, None] + norm.bias[:, None, None]


@torch.inference_mode()
@pytest.mark.parametrize("size", TEN_SIZES)
def test_benet_enlarges_its_stages_by_whole_strides_and_cuts_them(size: tuple[int, int]) -> None:
    network = stirred(build_benet({"backbone": "resnet18"}, "none"))
    images, stages = torch.randn(2, 3, *size), []
    features = network.backbone(images)
    assert len(features) == 5
    for head, x, factor in zip(network.heads, features, (1, 1, 2, 4, 4), strict=True):
        x = torch.einsum("kc,bchw->bkhw", head[0].weight[:, :, 0, 0], x)
        x = group_norm(x, head[1])
        if factor > 1:
            x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        x = x[..., : -(-size[0] // 4), : -(-size[1] // 4)]
        stages.append(x.clamp(min=0))
    joined = torch.cat(stages, 1)
    expected = torch.einsum("kc,bchw->bkhw", network.fuse.weight[:, :, 0, 0], joined)
    expected = expected + network.fuse.bias[:, None, None]
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "timm:convnext_atto"])
@pytest.mark.parametrize("size", [(64, 96), (61, 83)])
def test_benet_has_a_cell_for_each_4_pixels_whatever_the_backbone(
    name: str, size: tuple[int, int]
) -> None:
    network = BENet(build_backbone(name, "none")).eval()
    logits = network(torch.randn(1, 3, *size))
    assert logits.shape == (1, 1, -(-size[0] // 4), -(-size[1] // 4))


@torch.inference_mode()
def test_a_residual_network_is_its_blocks_one_after_another() -> None:
    """Stage by stage by torch's functions, the last one with its stride taken out."""
    backbone = stirred(build_backbone("resnet18", "none"))
    x = torch.randn(2, 3, 45, 62)
    features = backbone(x)

    def norm(x: torch.Tensor, bn: nn.BatchNorm2d) -> torch.Tensor:
        scale = bn.weight / (bn.running_var + 1e-5).sqrt()
        return (x - bn.running_mean[:, None, None]) * scale[:, None, None] + bn.bias[:, None, None]

    conv, bn, *_ = backbone.stages[0]
    x = F.max_pool2d(norm(F.conv2d(x, conv.weight, stride=2, padding=3), bn).relu(), 3, 2, 1)
    torch.testing.assert_close(features[0], x, rtol=1e-4, atol=1e-4)
    for number, first_stride in ((1, 1), (2, 2), (3, 2), (4, 1)):
        for index, block in enumerate(backbone.stages[number]):
            stride = first_stride if index == 0 else 1
            y = F.conv2d(x, block.conv1.weight, stride=stride, padding=1)
            y = norm(y, block.bn1).relu()
            y = norm(F.conv2d(y, block.conv2.weight, padding=1), block.bn2)
            if block.downsample is not None:
                x = norm(
                    F.conv2d(x, block.downsample[0].weight, stride=stride), block.downsample[1]
                )
            x = (x + y).relu()
        torch.testing.assert_close(features[number], x, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize(("name", "step"), [("resnet50", 4), ("mobilenet_v2", 4)])
def test_dilated_features_are_the_plain_ones_and_those_between(name: str, step: int) -> None:
    """At stride 8 every fourth place of the last stage has what the plain network has at 32."""
    torch.manual_seed(0)
    dilated = stirred(build_backbone(name, "none", output_stride=8))
    assert dilated.strides[-2:] == (8, 8)
    plain = stirred(build_backbone(name, "none"))
    plain.load_state_dict(dilated.state_dict())
    # The stride of the last stage goes back to where it was.
    first = next(
        m for m in plain.stages[4].modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)
    )
    first.stride = (2, 2)
    for module in plain.stages[4].modules():
        if getattr(module, "downsample", None) is not None:
            module.downsample[0].stride = (2, 2)
    images = torch.randn(1, 3, 128, 160)
    there, here = dilated(images)[4], plain(images)[4]
    assert there.shape[-1] == 20 and here.shape[-1] == 5
    torch.testing.assert_close(there[..., ::step, ::step], here, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_the_last_stage_of_vgg_is_a_pool_and_three_dilated_convolutions() -> None:
    """At stride 8 as in LargeFOV: the pool without stride, the convolutions dilated by 2."""
    network = build_backbone("vgg16", "none", output_stride=8).eval()
    features = network(torch.randn(1, 3, 41, 56))
    assert [x.shape[-1] for x in features] == [56, 28, 14, 7, 7]
    x = F.max_pool2d(features[3], 3, stride=1, padding=1)
    convolutions = [layer for layer in network.stages[4] if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 3
    for layer in convolutions:
        x = F.conv2d(x, layer.weight, layer.bias, padding=2, dilation=2).relu()
    torch.testing.assert_close(features[4], x)


@torch.inference_mode()
@pytest.mark.parametrize("detach", [True, False])
def test_scores_of_the_classifier_are_its_maps_pooled(detach: bool) -> None:
    settings = {"backbone": "resnet18", "n_classes": 3, "k": 0.7, "detach": detach}
    images, found = torch.randn(2, 3, 45, 61), {}
    for pooling in ("features", "class_maps", "gap"):
        torch.manual_seed(1)
        network = stirred(build_classifier(settings | {"pooling": pooling}, "none"))
        found[pooling] = network(images)
    features = network.backbone(images)[-1].flatten(2)
    weight = network.classifier.weight[:, :, 0, 0]
    maps = torch.einsum("kc,bcp->bkp", weight, features)
    shape = network.class_maps(images).shape
    torch.testing.assert_close(network.class_maps(images), maps.view(shape))

    def attended(x: torch.Tensor) -> torch.Tensor:
        powers = (0.7 * (x - x.amax(2, keepdim=True))).exp()
        return (x * powers).sum(2) / powers.sum(2)

    torch.testing.assert_close(found["features"], attended(features) @ weight.T)
    torch.testing.assert_close(found["class_maps"], attended(maps))
    torch.testing.assert_close(found["gap"], maps.mean(2))


def test_the_attention_takes_gradients_or_not() -> None:
    images, gradients = torch.randn(2, 3, 48, 48), []
    for pooling in ("features", "class_maps"):
        for detach in (True, False):
            torch.manual_seed(1)
            backbone = build_backbone("resnet18", "none")
            network = Classifier(backbone, 3, pooling=pooling, k=0.7, detach=detach).eval()
            network(images).square().sum().backward()
            gradients.append(backbone.stages[4][1].conv2.weight.grad.flatten())
    for one, other in ((gradients[0], gradients[1]), (gradients[2], gradients[3])):
        assert (one - other).norm() > 0.05 * one.norm()


@torch.inference_mode()
def test_aspp_is_the_sum_of_convolutions_dilated_by_6_12_18_and_24() -> None:
    aspp, features = Aspp(7, 3), torch.randn(2, 7, 55, 60)
    for branch in aspp.branches:
        nn.init.normal_(branch.bias)
    expected = sum(
        F.conv2d(features, branch.weight, branch.bias, padding=rate, dilation=rate)
        for branch, rate in zip(aspp.branches, (6, 12, 18, 24), strict=True)
    )
    torch.testing.assert_close(aspp(features), expected)


@torch.inference_mode()
def test_largefov_is_three_convolutions() -> None:
    head, features = LargeFov(5, 3).eval(), torch.randn(2, 5, 30, 20)
    first, second, third = (layer for layer in head if isinstance(layer, nn.Conv2d))
    x = F.conv2d(features, first.weight, first.bias, padding=12, dilation=12).relu()
    x = F.conv2d(x, second.weight, second.bias).relu()
    assert x.shape[1] == 1024
    torch.testing.assert_close(head(features), F.conv2d(x, third.weight, third.bias))
    torch.manual_seed(0)
    dropped = [(head.train()(features) - head.eval()(features)).abs().mean() for _ in range(2)]
    assert min(dropped) > 0


def test_largefov_drops_half_of_its_hidden_channels_after_each_of_two_layers() -> None:
    head = LargeFov(5, 3).train()
    hidden: list[torch.Tensor] = []
    for layer in head:
        if isinstance(layer, nn.Dropout2d):
            layer.register_forward_hook(lambda *call: hidden.append(call[2]))
            # As a ReLU before it leaves zeros of its own.
            layer.register_forward_pre_hook(lambda _, inputs: torch.ones_like(inputs[0]))
    torch.manual_seed(0)
    with torch.no_grad():
        head(torch.randn(2, 5, 4, 3))
    assert [x.shape[1] for x in hidden] == [1024, 1024]
    for x in hidden:
        # A channel is kept, at twice its value, or dropped, as a whole.
        assert torch.equal(x, x[..., :1, :1].expand_as(x))
        assert set(x.unique().tolist()) == {0.0, 2.0}
        assert (x == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_vgg_without_weights_starts_from_the_variance_that_torchvision_gives_it() -> None:
    for module in build_backbone("vgg16", "none").modules():
        if isinstance(module, nn.Conv2d):
            expected = math.sqrt(2 / (9 * module.out_channels))
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert not module.bias.any()


def test_new_layers_start_small_and_without_bias() -> None:
    for head, layers in ((Aspp(500, 4), None), (LargeFov(50, 40), [6])):
        for index, layer in enumerate(head.modules() if layers is None else [head[6]]):
            if isinstance(layer, nn.Conv2d):
                assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1), index
                assert not layer.bias.any()
    # The hidden layers keep the variance of what comes in, more or less.
    x = torch.randn(1, 50, 40, 40)
    assert 0.1 < LargeFov(50, 4)[0](x).std().item() < 1


@torch.inference_mode()
@pytest.mark.parametrize(("backbone", "head"), [("resnet18", "aspp"), ("resnet18", "largefov")])
def test_deeplab_is_its_head_on_the_last_features(backbone: str, head: str) -> None:
    settings = {"backbone": backbone, "head": head, "output_stride": 8, "n_labels": 4}
    network = stirred(build_deeplab(settings, "none"))
    images = torch.randn(1, 3, 41, 49)
    logits = network(images)
    assert logits.shape == (1, 4, 6, 7)
    torch.testing.assert_close(logits, network.head(network.backbone(images)[4]))


@torch.inference_mode()
@pytest.mark.parametrize("side", [64, 65, 69])
def test_the_scales_of_the_loss_lie_on_the_cells_of_the_first(side: int) -> None:
    settings = {"backbone": "resnet18", "head": "aspp", "output_stride": 8, "n_labels": 4}
    network = stirred(build_deeplab(settings, "none"))
    images = torch.randn(2, 3, side, side)
    found = MultiScale(network, (1.0, 0.75, 0.5))(images)
    first = network(images)
    scaled = [
        F.interpolate(images, scale_factor=s, mode="bilinear", align_corners=False)
        for s in (0.75, 0.5)
    ]
    others = []
    for x, factor in zip(scaled, (4 / 3, 2), strict=True):
        logits = network(x)
        # One more cell at the end, cut off again.
        logits = F.pad(logits, (0, 2, 0, 2), mode="replicate")
        large = F.interpolate(logits, scale_factor=factor, mode="bilinear", align_corners=False)
        others.append(large[..., : first.shape[-2], : first.shape[-1]])
    expected = [first, *others, torch.maximum(first, torch.maximum(*others))]
    torch.testing.assert_close(found, torch.stack(expected, 1), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_weights_of_a_whole_classifier_give_its_features(tmp_path) -> None:
    torch.manual_seed(0)
    whole = stirred(resnet18(num_classes=7))
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    backbone = build_backbone("resnet18", str(tmp_path / "weights.pth")).eval()
    images = torch.randn(1, 3, 64, 64)
    x = whole.maxpool(whole.relu(whole.bn1(whole.conv1(images))))
    # As published, the last stage has no stride, and its convolutions are not dilated instead.
    whole.layer4[0].conv1.stride = whole.layer4[0].downsample[0].stride = (1, 1)
    layers = (whole.layer1, whole.layer2, whole.layer3, whole.layer4)
    for layer, features in zip(layers, backbone(images)[1:], strict=True):
        x = layer(x)
        torch.testing.assert_close(features, x)
