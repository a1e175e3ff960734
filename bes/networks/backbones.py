"""The backbones that can be named: torchvision's here, those of timm in a file of their own."""

import itertools
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models import vgg

from bes.errors import BesError
from bes.networks.backbone import Backbone
from bes.networks.timm_backbones import build_timm
from bes.networks.weights import State, load_matching, read_state
from bes.options.backbones import TIMM
from bes.storage.words import not_downloaded

VGG = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
"""Torchvision's names of the layers."""


def build_backbone(name: str, weights: str, *, output_stride: int = 16) -> Backbone:
    """A ResNet, VGG or MobileNet-V2 by its name in torchvision, or `timm:<model>`; weights
    `imagenet`, `none` or a state-dict file.

    The file may come from a classifier of any number of classes: its head is dropped.
    `output_stride` 16 takes the stride out of the last stage and dilates nothing; 8 is for
    segmentation: strides are taken out of the last two stages and the 3x3 convolutions after them
    dilated by 2 and 4 as in DeepLab-v2 (VGG-16: the last stage by 2, as in DeepLab-LargeFOV).

    Raises BesError for a file that is missing or does not fit, naming the keys, for weights that
    cannot be downloaded, and for a model of timm that cannot serve.
    """
    assert output_stride in (8, 16), output_stride
    if name.startswith(TIMM):
        return build_timm(name, weights, output_stride=output_stride)
    is_vgg, is_mobilenet = name.startswith("vgg"), name == "mobilenet_v2"
    network = _vgg_features(name) if is_vgg else torchvision.models.get_model(name, weights=None)
    if weights != "none":
        state = _download(name) if weights == "imagenet" else read_state(Path(weights))
        head = ("fc.", "classifier.")
        load_matching(network, state, source=weights, name=name, head=head)
    if is_vgg:
        return _vgg(network, output_stride)
    stages, channels = _mobilenet(network) if is_mobilenet else _resnet(network)
    strides = [2 if is_mobilenet else 4, 4, 8, output_stride, output_stride]
    if output_stride == 8:
        _dilate(stages[3], incoming=1, dilation=2)
        _dilate(stages[4], incoming=2, dilation=4)
    else:  # as published: without the stride, the convolutions as they are
        _dilate(stages[4], incoming=1, dilation=1)
    return Backbone(stages, channels, strides)


def _resnet(network: Any) -> tuple[list[nn.Module], list[int]]:
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    layers = [network.layer1, network.layer2, network.layer3, network.layer4]
    last = network.fc.in_features
    return [stem, *layers], [64, last // 8, last // 4, last // 2, last]


def _mobilenet(network: Any) -> tuple[list[nn.Module], list[int]]:
    bounds = itertools.pairwise((0, 2, 4, 7, 14, 19))
    return [network.features[a:b] for a, b in bounds], [16, 24, 32, 96, 1280]


def _vgg_features(name: str) -> nn.Module:
    """Torchvision's VGG without its head, which takes seconds to draw and is dropped anyway."""
    layers = vgg.cfgs[VGG[name.removesuffix("_bn")]]
    features = vgg.make_layers(layers, batch_norm=name.endswith("_bn"))
    for module in features:
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return nn.ModuleDict({"features": features})


def _vgg(network: Any, output_stride: int) -> Backbone:
    # conv1 to conv5, each but the first with the pool before it; the pool after conv5 is dropped.
    features = network["features"]
    pools = [number for number, part in enumerate(features) if isinstance(part, nn.MaxPool2d)]
    stages = [features[a:b] for a, b in itertools.pairwise((0, *pools))]
    if output_stride == 8:
        # 3x3, as a 2x2 pool without stride would shift the map by half a pixel and shorten it.
        stages[4][0] = nn.MaxPool2d(3, stride=1, padding=1)
        _dilate(stages[4], incoming=2, dilation=2)
    return Backbone(stages, (64, 128, 256, 512, 512), (1, 2, 4, 8, output_stride))


def _dilate(stage: nn.Module, *, incoming: int, dilation: int) -> None:
    """Take the stride out of a stage: its 3x3 convolutions are dilated from the one after it on.

    Each place of the features that the stage had with its stride then has the value it had, for
    features that come in at places `incoming` apart. The published weights put the stride into the
    3x3 convolution, whose own taps stay where they were.
    """
    current = incoming
    for module in stage.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.kernel_size == (3, 3):
            module.dilation = module.padding = (current, current)
            if module.stride == (2, 2):
                current = dilation
        module.stride = (1, 1)


def _download(name: str) -> State:
    """Torchvision's weights, from the cache of torch.hub or downloaded with their checksum."""
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    # From no network to a file cut short in the cache: the libraries share no class of error.
    except Exception as error:
        file = weights.url.rpartition("/")[2]
        cache = str(Path(torch.hub.get_dir(), "checkpoints", file))
        raise BesError(
            not_downloaded(name, expected=cache, address=weights.url, error=error)
        ) from None
