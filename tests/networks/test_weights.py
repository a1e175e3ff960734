"""Initial weights are all taken or the training does not begin."""

import io
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.response import addinfourl

import pytest
import safetensors.torch
import torch
import torchvision

from bes.errors import BesError
from bes.networks.backbones import build_backbone

State = dict[str, torch.Tensor]


def state_of(name: str) -> State:
    torch.manual_seed(7)
    return torchvision.models.get_model(name, weights=None, num_classes=3).state_dict()


def prefixed(state: State) -> Any:
    return {"state_dict": {f"module.{key}": value for key, value in state.items()}}


WRITERS = {
    "plain.pth": torch.save,
    "wrapped.pt": lambda state, path: torch.save({"model": state}, path),
    "parallel.pth": lambda state, path: torch.save(prefixed(state), path),
    "weights.safetensors": safetensors.torch.save_file,
}


@pytest.mark.parametrize("file", WRITERS)
def test_a_file_fills_the_backbone_however_it_is_wrapped(file: str, tmp_path: Path) -> None:
    state = state_of("mobilenet_v2")
    WRITERS[file](state, tmp_path / file)
    backbone = build_backbone("mobilenet_v2", str(tmp_path / file))
    found = list(backbone.state_dict().values())
    wanted = [value for key, value in state.items() if not key.startswith("classifier.")]
    assert len(found) == len(wanted)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_vgg_takes_a_file_with_or_without_its_fully_connected_layers(tmp_path: Path) -> None:
    convolutions = torchvision.models.vgg16(weights=None, init_weights=False).features.state_dict()
    state = {f"features.{key}": value for key, value in convolutions.items()}
    for head in ({}, {"classifier.0.weight": torch.zeros(2, 2)}):
        torch.save(state | head, tmp_path / "vgg16.pth")
        backbone = build_backbone("vgg16", str(tmp_path / "vgg16.pth"))
        found = backbone.state_dict().values()
        assert all(torch.equal(a, b) for a, b in zip(found, state.values(), strict=True))


def test_a_shape_that_differs_is_said_though_all_keys_are_right(tmp_path: Path) -> None:
    state = state_of("mobilenet_v2")
    state["features.0.0.weight"] = torch.zeros(32, 4, 3, 3)
    torch.save(state, tmp_path / "four_channels.pth")
    with pytest.raises(BesError, match=r": 1 of another shape \(features\.0\.0\.weight\)$"):
        build_backbone("mobilenet_v2", str(tmp_path / "four_channels.pth"))


# Of ResNet-50 torchvision has other weights too, which the published results do not start from.
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16"])
def test_a_failed_download_says_what_was_wanted_and_what_to_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(BesError) as error:
        build_backbone(name, "imagenet")
    url = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    cached = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    assert str(error.value) == (
        f"{name}: weights 'imagenet': could not get {cached} from {url} (<urlopen error no "
        "network>); give the path of a state-dict file as weights instead"
    )


def test_a_download_of_other_bytes_than_its_name_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the file ends with the digest of its bytes."""
    content = io.BytesIO()
    torch.save(state_of("resnet18"), content)
    answer = addinfourl(io.BytesIO(content.getvalue()), Message(), "")
    monkeypatch.setattr("torch.hub.urlopen", lambda request: answer)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(BesError, match=r"resnet18: weights 'imagenet': .* \(invalid hash value"):
        build_backbone("resnet18", "imagenet")


@pytest.mark.parametrize("name", ["resnet18", "vgg16"])
def test_imagenet_takes_the_weights_that_torchvision_has_cached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "vgg16":
        convolutions = build_backbone("vgg16", "none").state_dict()
        state = {f"features.{k.split('.', 2)[2]}": v for k, v in convolutions.items()}
        state["classifier.6.bias"] = torch.zeros(1000)
    else:
        state = state_of(name)
    url = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(state, cache / url.rpartition("/")[2])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    first = next(iter(build_backbone(name, "imagenet").state_dict().values()))
    assert torch.equal(first, next(iter(state.values())))
