"""A vision transformer gives what timm makes of its blocks, on photographs of any size."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from plain import as_both_take_it

from bes.errors import BesError
from bes.networks.backbones import build_backbone
from bes.networks.benet import BENet
from bes.networks.classifier import Classifier

PLAIN = ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "vit_small_patch16_dinov3"]
SWINS = ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"]
DINOV2 = "vit_small_patch14_dinov2"


def save_model(model: str, path: Path, **options: Any) -> Any:
    """A whole model whose norms are not those of a fresh one."""
    torch.manual_seed(5)
    network = timm.create_model(model, **options).eval()
    for key, value in network.state_dict().items():
        if "norm" in key:
            value.add_(0.2 * torch.randn_like(value))
    torch.save(network.state_dict(), path)
    return network


@pytest.mark.parametrize("model", [*PLAIN, *SWINS])
def test_the_features_of_a_file_are_those_of_timm(model: str, tmp_path: Path) -> None:
    network = save_model(model, tmp_path / "model.pth", num_classes=7)
    side = network.patch_embed.img_size[0]
    ours, theirs = as_both_take_it(torch.rand(1, 3, side, side), model)
    backbone = build_backbone(f"timm:{model}", str(tmp_path / "model.pth")).eval()
    assert backbone.strides == (4, 8, 16, 16)
    indices = [0, 1, 2, 3] if model in SWINS else [2, 5, 8, 11]
    with torch.no_grad():
        found = backbone(ours)
        _, expected = network.forward_intermediates(
            theirs, indices=indices, norm=True, output_fmt="NCHW"
        )
    for x, y, stride in zip(found, expected, backbone.strides, strict=True):
        own = side / y.shape[-1]
        if own != stride:
            y = F.interpolate(y, scale_factor=own / stride, mode="bilinear")
        assert x.shape[-2:] == (side // stride, side // stride)
        torch.testing.assert_close(x, y, rtol=0, atol=1e-5 * float(y.abs().max()))
    # Its classes are read from what the last features are.
    with torch.no_grad():
        pooled = network.forward_features(theirs)
    if model in PLAIN:
        tokens = pooled[:, -((side // 16) ** 2) :]
        last = found[-1].flatten(2).transpose(1, 2)
        torch.testing.assert_close(last, tokens, rtol=0, atol=1e-4)
    else:
        torch.testing.assert_close(expected[-1], pooled.permute(0, 3, 1, 2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(97, 130), (224, 160), (31, 300)])
@pytest.mark.parametrize("model", [PLAIN[0], DINOV2, SWINS[0]])
def test_any_size_gives_cells_that_cover_it(model: str, size: tuple[int, int]) -> None:
    backbone = build_backbone(f"timm:{model}", "none").eval()
    with torch.no_grad():
        features = backbone(torch.rand(2, 3, *size))
        boundary = BENet(backbone).eval()(torch.rand(2, 3, *size))
        head = Classifier(backbone, 3, pooling="features", k=0.001, detach=True)
        maps = head.class_maps(torch.rand(2, 3, *size))
    for x, channels, stride in zip(features, backbone.channels, (4, 8, 16, 16), strict=True):
        assert x.shape == (2, channels, *(-(-length // stride) for length in size))
    assert boundary.shape == (2, 1, *(-(-length // 4) for length in size))
    assert maps.shape == (2, 3, *(-(-length // 16) for length in size))


def test_a_photograph_is_continued_at_the_right_and_below() -> None:
    backbone = build_backbone(f"timm:{PLAIN[0]}", "none").eval()
    photo = torch.rand(1, 3, 97, 130)
    whole = torch.zeros(1, 3, 112, 144)
    whole[..., :97, :130] = photo
    with torch.no_grad():
        found, expected = backbone(photo)[-1], backbone(whole)[-1]
    torch.testing.assert_close(found, expected)


def test_patches_and_positions_of_a_file_are_resampled(tmp_path: Path) -> None:
    """DINOv2's patches have 14 pixels, and its positions are those of 518 pixels; it is published
    without classes, and this file has some."""
    network = save_model(DINOV2, tmp_path / "model.pth", num_classes=3)
    model = build_backbone(f"timm:{DINOV2}", str(tmp_path / "model.pth")).model
    assert network.patch_embed.proj.weight.shape[-2:] == (14, 14)
    assert model.patch_embed.proj.weight.shape[-2:] == (16, 16)
    for key in ("blocks.3.attn.qkv.weight", "norm.bias", "cls_token"):
        assert torch.equal(model.state_dict()[key], network.state_dict()[key])
    # A patch of one colour gives about the same token.
    flat = torch.full((1, 3, 1, 1), 0.7)
    tokens = [
        m.patch_embed.proj(flat.expand(1, 3, *m.patch_embed.patch_size)).flatten()
        for m in (model, network)
    ]
    assert F.cosine_similarity(*tokens, dim=0) > 0.95


@pytest.mark.parametrize("model", [PLAIN[0], PLAIN[2], SWINS[0]])
@pytest.mark.parametrize("stages", range(5))
def test_what_is_frozen_is_not_trained(model: str, stages: int) -> None:
    backbone = build_backbone(f"timm:{model}", "none")
    backbone.freeze(stages, norm=True)
    last = backbone.train()(torch.rand(1, 3, 64, 64))[-1]
    assert last.requires_grad == (stages < 4)
    if stages < 4:
        last.square().mean().backward()
    trained = {key for key, p in backbone.named_parameters() if p.grad is not None}
    assert trained <= {key for key, p in backbone.named_parameters() if p.requires_grad}
    depth = len(backbone.blocks)
    first = depth * stages // 4
    for number, block in enumerate(backbone.blocks):
        assert any(key.startswith(f"model.{block}.") for key in trained) == (number >= first)
    assert ("model.patch_embed.proj.weight" in trained) == (stages == 0)
    assert ("model.norm.weight" in trained) == (stages < 4)


def test_keys_that_a_transformer_does_not_have_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    save_model(PLAIN[0], path)
    state = torch.load(path)
    state["blocks.99.mlp.fc1.bias"] = state.pop("blocks.3.mlp.fc1.bias")
    torch.save(state, path)
    with pytest.raises(BesError, match=r"1 missing \(blocks.3.mlp.fc1.bias\); 1 not expected"):
        build_backbone(f"timm:{PLAIN[0]}", str(path))


def test_no_transformer_has_a_stride_of_8() -> None:
    with pytest.raises(BesError, match="found output stride 16, expected a model that takes 8"):
        build_backbone(f"timm:{PLAIN[0]}", "none", output_stride=8)
