"""ImageNet classifiers of torchvision as five stages of features, the last without its stride."""

import itertools
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from bes.errors import BesError

BACKBONES = ("resnet50", "resnet18", "mobilenet_v2")


class Backbone(nn.Module):
    """Five stages; `forward` gives the features after each.

    Strides 4, 4, 8, 16, 16 (ResNet) or 2, 4, 8, 16, 16 (MobileNet-V2). `channels` are theirs.
    """

    def __init__(self, stages: list[nn.Module], channels: tuple[int, ...]):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.frozen_stages = 0
        self.frozen_norm = False

    def freeze(self, stages: int, *, norm: bool) -> None:
        """Take the first stages out of training; `norm` keeps every BatchNorm at its running
        statistics."""
        self.frozen_stages, self.frozen_norm = stages, norm
        for stage in self.stages[:stages]:
            stage.requires_grad_(False)

    def train(self, mode: bool = True) -> "Backbone":
        """A frozen BatchNorm stays in evaluation mode."""
        super().train(mode)
        for number, stage in enumerate(self.stages):
            if self.frozen_norm or number < self.frozen_stages:
                for module in stage.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.eval()
        return self

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B,3,H,W) normalised -> five (B,channels,h,w)."""
        features = []
        x = images
        for number, stage in enumerate(self.stages):
            # no_grad, not only requires_grad=False: nothing is kept for a backward pass.
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                x = stage(x)
            features.append(x)
        return features


def build_backbone(name: str, weights: str) -> Backbone:
    """A backbone of `BACKBONES`; weights `imagenet` (torchvision's), `none` or a state-dict file.

    The file may come from a classifier of any number of classes: its head is dropped. Raises
    BesError for a file that is missing or that does not fit, naming the keys.
    """
    assert name in BACKBONES, name
    pretrained = torchvision.models.get_model_weights(name)
    builder = torchvision.models.get_model_builder(name)
    network = builder(weights=pretrained.IMAGENET1K_V1 if weights == "imagenet" else None)
    if weights not in ("imagenet", "none"):
        load_matching(network, Path(weights), head=("fc.", "classifier."))
    return _mobilenet(network) if name == "mobilenet_v2" else _resnet(network)


def _resnet(network: torchvision.models.ResNet) -> Backbone:
    # The stride is in the first block: in conv1 (basic) or conv2 (bottleneck), and the shortcut.
    first: Any = network.layer4[0]
    for convolution in (first.conv1, first.conv2, first.downsample[0]):
        convolution.stride = (1, 1)
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    layers = [network.layer1, network.layer2, network.layer3, network.layer4]
    last = network.fc.in_features
    return Backbone([stem, *layers], (64, last // 8, last // 4, last // 2, last))


def _mobilenet(network: torchvision.models.MobileNetV2) -> Backbone:
    for module in network.features[14].modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.stride = (1, 1)
    bounds = itertools.pairwise((0, 2, 4, 7, 14, 19))
    stages: list[nn.Module] = [network.features[a:b] for a, b in bounds]
    return Backbone(stages, (16, 24, 32, 96, 1280))


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """A state dict from `.safetensors` or a torch file (tensors only: no code of the file is
    run)."""
    if not path.is_file():
        raise BesError(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BesError(f"{path}: not a state dict of tensors ({reason})") from None
    for wrapper in ("state_dict", "model"):
        state = state.get(wrapper, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise BesError(f"{path}: expected a state dict of tensors")
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_matching(network: nn.Module, path: Path, *, head: tuple[str, ...]) -> None:
    """Load a state dict into a network, all keys but those of its head; raises BesError
    otherwise."""
    given = {k: v for k, v in read_state(path).items() if not k.startswith(head)}
    wanted = {k: v for k, v in network.state_dict().items() if not k.startswith(head)}
    # Older checkpoints lack the counters of BatchNorm, which evaluation never reads.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    surplus = [k for k in given if k not in wanted]
    shapes = [k for k in given if k in wanted and given[k].shape != wanted[k].shape]
    if missing or surplus or shapes:
        raise BesError(
            f"{path}: does not fit {type(network).__name__}: "
            + "; ".join(
                f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
                for what, keys in (
                    ("missing", missing),
                    ("not expected", surplus),
                    ("of another shape", shapes),
                )
                if keys
            )
        )
    network.load_state_dict(given, strict=False)
