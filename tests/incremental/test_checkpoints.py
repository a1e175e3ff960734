"""A network file holds what rebuilds the network, and nothing that runs."""

from pathlib import Path

import pytest
import torch
from torch import nn

from bes.errors import BesError
from bes.training.checkpoints import load_settings, load_weights, save_network


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_weights_buffers_and_settings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.safetensors"
    saved = network(0)
    saved(torch.rand(2, 3, 8, 8))  # moves the running statistics
    save_network(path, saved, {"backbone": "resnet18", "k": 0.001, "pooling": None})
    assert load_settings(path) == {"backbone": "resnet18", "k": 0.001, "pooling": None}
    loaded = load_weights(path, network(1))
    assert not loaded.training
    for name, value in saved.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, settings in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        save_network(tmp_path / name, network(0), settings)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_in_any_memory_layout_are_saved(tmp_path: Path) -> None:
    saved = network(0).to(memory_format=torch.channels_last)
    save_network(tmp_path / "a", saved, {})
    save_network(tmp_path / "b", network(0), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_of_another_network_than_the_settings_say_are_named(tmp_path: Path) -> None:
    save_network(tmp_path / "model.safetensors", nn.Linear(2, 2), {})
    with pytest.raises(BesError, match=r"model\.safetensors: not the network of its own settings"):
        load_weights(tmp_path / "model.safetensors", nn.Linear(3, 2))
