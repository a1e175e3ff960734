"""Models of timm as backbones: `timm:resnet10t`, `timm:convnext_atto.d2_in1k`."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bes.data.augmentation import MEAN, STD
from bes.errors import BesError
from bes.networks.backbone import Backbone
from bes.networks.transformer_backbone import STRIDES, TransformerBackbone
from bes.networks.weights import State, load_matching, read_state
from bes.options.backbones import TIMM
from bes.options.declared import did_you_mean
from bes.storage.words import not_downloaded

# Where these modules of timm say `features_only` they mean classes of their own; the plain list of
# modules gives the same features.
OWN_FEATURES = ("timm.models.efficientnet", "timm.models.mobilenetv3")

PROBE = (97, 130)
"""Height and width of the picture that tells whether a model takes any size, pixels."""


class Renormalise(nn.Module):
    """Pictures normalised with the statistics of ImageNet -> with those of a model."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        factor = torch.tensor(STD) / torch.tensor(std)
        offset = (torch.tensor(MEAN) - torch.tensor(mean)) / torch.tensor(std)
        self.factor: torch.Tensor
        self.offset: torch.Tensor
        self.register_buffer("factor", factor[:, None, None])
        self.register_buffer("offset", offset[:, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) -> (B,3,H,W)."""
        return images * self.factor + self.offset


def build_timm(name: str, weights: str, *, output_stride: int) -> Backbone:
    """As `build_backbone`, for the name of a model of timm: one whose layers follow one another, or
    a vision transformer.

    A model that cannot be built at stride 16 keeps its own, most often 32, so that its last maps
    are coarser; stride 8 is needed exactly. Where a model was trained with other statistics than
    those of ImageNet, its first stage converts.

    Raises BesError for a name that timm does not know, for a model that gives no feature maps of
    pictures of any size, and for weights that do not fit or cannot be downloaded.
    """
    timm = _timm(name)
    sizes: list[dict[str, Any]] = [{"output_stride": output_stride}, {}]
    features = _create(name, sizes, features_only=True)
    listed = isinstance(features, timm.models.FeatureListNet)
    # A Swin's modules are listed too, with the channels last.
    transformer = isinstance(features, timm.models._features.FeatureGetterNet) or (
        listed and features.output_fmt == timm.layers.Format.NHWC
    )
    if not transformer and not listed:
        raise BesError(
            f"{name}: found features by {type(features).__name__}, expected a model whose layers "
            "follow one another, such as a ResNet, ConvNeXt or EfficientNet, or a vision "
            "transformer such as a ViT or Swin"
        )
    create = _download if weights == "imagenet" else _create
    whole = create(name, _any_size(features) if transformer else sizes)
    named = dict(whole.state_dict(keep_vars=True))
    convert = _renormalise(whole.pretrained_cfg)
    if transformer:
        whole.reset_classifier(0)
        try:
            backbone: Backbone = TransformerBackbone(whole, nn.Sequential(*convert))
        except AttributeError as error:
            raise BesError(f"{name}: expected a model of named blocks, found: {error}") from None
    else:
        backbone = _convolutional(whole, features, convert)
    _check(name, backbone)
    found = backbone.strides[-1]
    if output_stride == 8 and found != 8:
        raise BesError(f"{name}: found output stride {found}, expected a model that takes 8")
    if weights not in ("imagenet", "none"):
        used = {id(value) for value in backbone.state_dict(keep_vars=True).values()}
        head = tuple(key for key, value in named.items() if id(value) not in used)
        state = read_state(Path(weights))
        if transformer:
            state = _resampled(state, whole)
            # Some are published without, and get one where they are trained further.
            head += ("head.",)
        load_matching(whole, state, source=weights, name=name, head=head)
    return backbone


def _convolutional(whole: Any, features: Any, convert: list[nn.Module]) -> Backbone:
    """The layers of a model as stages, cut where its list of `features` has them."""
    named = _named_modules(whole, features)
    tail = _tail(whole, named, features)
    stages: list[nn.Sequential] = []
    modules = [*convert]
    for key in features:
        modules.append(named[key])
        if key in features.return_layers:
            stages.append(nn.Sequential(*modules))
            modules = []
    stages[-1].extend(tail)
    channels, strides = features.feature_info.channels(), features.feature_info.reduction()
    channels[-1] = whole.num_features if tail else channels[-1]
    return Backbone(stages, channels, strides)


def _renormalise(config: Any) -> list[nn.Module]:
    """What converts a picture for a model trained with other statistics than those of ImageNet."""
    mean, std = config["mean"], config["std"]
    same = np.allclose(mean, MEAN) and np.allclose(std, STD)
    return [] if same else [Renormalise(mean, std)]


def _any_size(features: Any) -> list[dict[str, Any]]:
    """How timm may be asked for a vision transformer that takes pictures of any size, of patches
    whose side is a multiple of 4 (those of DINOv2 have 14)."""
    patch = features.feature_info.reduction()[0]
    patches = {"patch_size": 16} if patch % STRIDES[0] else {}
    return [{"dynamic_img_size": True, **patches}, {"strict_img_size": False, **patches}, patches]


def _resampled(state: State, whole: Any) -> State:
    """Weights with position embeddings and patches of the sizes that the model has."""
    fit = getattr(sys.modules[type(whole).__module__], "checkpoint_filter_fn", None)
    return fit(state, whole) if fit else state


def _named_modules(whole: Any, features: Any) -> dict[str, nn.Module]:
    """The modules of a model in their order, by the names that its list of features has: `stages_0`
    where it takes those of `stages` one by one."""
    named: dict[str, nn.Module] = {}
    for name, module in whole.named_children():
        inner = {f"{name}_{part}": child for part, child in module.named_children()}
        named |= inner if inner.keys() & features.keys() else {name: module}
    return named


@torch.inference_mode()
def _tail(whole: Any, named: dict[str, nn.Module], features: Any) -> list[nn.Module]:
    """What a model does between its last features and their pooling, as an EfficientNet's last
    convolution or the last norm of a ResNet of version 2: its classes are read from there."""
    names = list(named)
    rest = [named[name] for name in names[names.index([*features][-1]) + 1 :]]
    whole.eval()
    x = torch.rand(1, 3, *PROBE)
    # A model that takes no such picture, or whose pooling comes first, has none.
    with suppress(Exception):
        expected = whole.forward_features(x)
        for key in features:
            x = named[key](x)
        for count, module in enumerate([nn.Identity(), *rest]):
            x = module(x)
            if x.shape == expected.shape and torch.allclose(x, expected, atol=1e-5):
                return rest[:count]
    return []


def _create(name: str, sizes: Sequence[dict[str, Any]], **options: Any) -> Any:
    """The model with the first of `sizes` that it takes; with `features_only` those of its modules
    that give features: as a list, or of a transformer with what gets them from it."""
    timm = _timm(name)
    model = name.removeprefix(TIMM)
    own = timm.models.model_entrypoint(model.partition(".")[0]).__module__ in OWN_FEATURES
    if options.get("features_only") and own:
        options["feature_cfg"] = {"feature_cls": "list", "flatten_sequential": True}
    try:
        for size in sizes[:-1]:
            with suppress(TypeError, AssertionError, NotImplementedError):
                return timm.create_model(model, **size, **options)
        return timm.create_model(model, **sizes[-1], **options)
    except Exception as error:
        if options.get("pretrained"):
            raise
        raise BesError(f"{name}: expected a model with feature maps, found: {error}") from None


def _timm(name: str) -> Any:
    """The library, once it is known to have the model."""
    try:
        import timm
    except ImportError:
        raise BesError(
            f"{name}: found no timm, expected it installed: pip install -c constraints.txt timm"
        ) from None
    model, _, tag = name.removeprefix(TIMM).partition(".")
    if not timm.is_model(model):
        raise BesError(
            f"{name}: found {model!r}, expected a model of timm {timm.__version__}"
            + did_you_mean(model, timm.list_models())
        )
    known = [full.partition(".")[2] for full in timm.list_models(f"{model}.*", pretrained=True)]
    if tag and tag not in known:
        raise BesError(
            f"{name}: found the tag {tag!r}, expected one of {', '.join(known) or 'none'}"
            + did_you_mean(tag, known)
        )
    return timm


def _download(name: str, sizes: Sequence[dict[str, Any]]) -> Any:
    """The model with the weights that timm has for it."""
    import timm

    config = timm.get_pretrained_cfg(name.removeprefix(TIMM))
    try:
        return _create(name, sizes, pretrained=True)
    # From no network to a model without weights: the libraries share no class of error.
    except Exception as error:
        address = str((config and (config.hf_hub_id or config.url)) or "timm")
        raise BesError(
            not_downloaded(name, expected="pretrained weights", address=address, error=error)
        ) from None


@torch.inference_mode()
def _check(name: str, backbone: Backbone) -> None:
    """Maps of the stated channels and strides, from a picture of a size that no stride divides."""
    expected = [
        (1, channels, *(-(-length // stride) for length in PROBE))
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]
    try:
        found = [
            tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            for x in backbone.eval()(torch.zeros(1, 3, *PROBE))
        ]
    except Exception as error:
        raise BesError(
            f"{name}: expected feature maps of a picture of {PROBE[1]}x{PROBE[0]} pixels, found: "
            f"{error}"
        ) from None
    backbone.train()
    # Some models cut an incomplete window off where others pad it.
    if any(
        isinstance(f, str)
        or f[:2] != e[:2]
        or any(abs(a - b) > 1 for a, b in zip(f, e, strict=True))
        for f, e in zip(found, expected, strict=True)
    ):
        raise BesError(
            f"{name}: expected feature maps of about {expected[-1]} (batch, channels, height, "
            f"width) in the end, found {found[-1]}"
        )
