"""A model of timm gives timm's own features, or one sentence says why it cannot serve."""

import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from plain import as_both_take_it

from bes.data.augmentation import MEAN, STD
from bes.errors import BesError
from bes.networks.backbones import build_backbone

MODELS = {
    "resnet10t": 512,
    "convnext_atto": 320,
    "efficientnet_lite0": 1280,
    "mobilenetv3_small_050": 288,
    "resnetv2_18": 512,
    "rexnet_100": 1280,
}
"""Models, and the channels of what they pool: of some there is a convolution, of some a norm and an
activation after the last stage."""


def save_model(model: str, path: Path) -> None:
    """A whole classifier with statistics that are not those of a fresh one."""
    torch.manual_seed(5)
    network = timm.create_model(model, num_classes=1000)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif key.endswith("running_mean"):
            value.normal_()
    torch.save(network.state_dict(), path)


def timm_features(model: str, path: Path, image: torch.Tensor, **options: Any) -> Any:
    """What timm makes of the same file by itself, the last of them what it pools."""
    options |= {
        "pretrained": True,
        "pretrained_cfg_overlay": {"file": str(path), "hf_hub_id": None, "url": ""},
    }
    stages = timm.create_model(model, features_only=True, **options).eval()
    whole = timm.create_model(model, **options).eval()
    with torch.no_grad():
        return [*stages(image)[:-1], whole.forward_features(image)]


@pytest.mark.parametrize("model", MODELS)
def test_the_features_of_a_file_are_those_that_timm_gives(model: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    save_model(model, path)
    backbone = build_backbone(f"timm:{model}", str(path)).eval()
    ours, theirs = as_both_take_it(torch.rand(1, 3, 96, 128), model)
    options = {"output_stride": 16} if backbone.strides[-1] == 16 else {}
    expected = timm_features(model, path, theirs, **options)
    with torch.no_grad():
        found = backbone(ours)
    assert len(found) == len(expected) == len(backbone.channels)
    assert backbone.channels[-1] == MODELS[model]
    for a, b in zip(found, expected, strict=True):
        assert b.std() > 0
        assert torch.allclose(a, b, atol=1e-4 * float(b.abs().max()))


def test_pictures_are_brought_to_the_statistics_that_a_model_was_trained_with() -> None:
    config = timm.get_pretrained_cfg("resnetv2_18")
    assert config.mean == config.std == (0.5, 0.5, 0.5)
    convert = build_backbone("timm:resnetv2_18", "none").stages[0][0]
    photo = torch.rand(1, 3, 4, 5)
    ours = (photo - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(convert(ours), (photo - 0.5) / 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "std"), [((0.5, 0.4, 0.3), tuple(STD)), (tuple(MEAN), (0.5, 0.4, 0.3))]
)
def test_one_of_the_two_statistics_that_differs_is_enough_to_convert(
    mean: tuple[float, ...], std: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = timm.create_model

    def trained_otherwise(*args: Any, **options: Any) -> Any:
        model = create(*args, **options)
        model.pretrained_cfg = {**model.pretrained_cfg, "mean": mean, "std": std}
        return model

    monkeypatch.setattr("timm.create_model", trained_otherwise)
    convert = build_backbone("timm:resnet10t", "none").stages[0][0]
    photo = torch.rand(1, 3, 4, 5)
    ours, expected = (
        (photo - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        for mean, std in ((MEAN, STD), (mean, std))
    )
    assert torch.allclose(convert(ours), expected, atol=1e-5)


def test_a_model_without_an_output_stride_keeps_its_own_but_not_for_segmentation() -> None:
    assert build_backbone("timm:poolformer_s12", "none").strides == (4, 8, 16, 32)
    with pytest.raises(BesError, match="timm:poolformer_s12: found output stride 32, expected"):
        build_backbone("timm:poolformer_s12", "none", output_stride=8)
    assert build_backbone("timm:resnet10t", "none", output_stride=8).strides[-1] == 8


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("convnext_ato", "found 'convnext_ato', expected a model .*; did you mean 'convnext_atto'"),
        ("resnet10t.c4_in1k", "found the tag 'c4_in1k', expected one of c3_in1k; did you mean"),
        ("xception41", "found features by FeatureHookNet, expected a model whose"),
        ("cait_xxs24_224", "expected feature maps of a picture of 130x97 pixels"),
        ("twins_pcpvt_small", "expected a model of named blocks, found: "),
    ],
)
def test_a_model_that_cannot_serve_is_refused(model: str, sentence: str) -> None:
    with pytest.raises(BesError, match=f"timm:{model}: {sentence}"):
        build_backbone(f"timm:{model}", "none")


def test_keys_of_a_file_that_the_model_does_not_have_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    save_model("convnext_atto", path)
    state = torch.load(path)
    state["stages.7.weight"] = state.pop("stages.0.blocks.0.norm.weight")
    torch.save(state, path)
    with pytest.raises(BesError) as error:
        build_backbone("timm:convnext_atto", str(path))
    assert str(error.value) == (
        f"{path}: does not fit timm:convnext_atto: 1 missing (stages.0.blocks.0.norm.weight); "
        "1 not expected (stages.7.weight)"
    )


def test_weights_that_cannot_be_downloaded_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fail)
    with pytest.raises(BesError) as error:
        build_backbone("timm:resnet10t", "imagenet")
    assert str(error.value) == (
        "timm:resnet10t: weights 'imagenet': could not get pretrained weights from "
        "timm/resnet10t.c3_in1k (no network); give the path of a state-dict file as weights instead"
    )


def test_without_timm_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BesError, match="timm:resnet10t: found no timm, expected it installed"):
        build_backbone("timm:resnet10t", "none")
