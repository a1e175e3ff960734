"""Trained networks as safetensors, with the settings that rebuild them inside the file."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from bes.errors import BesError
from bes.storage.files import write_atomic
from bes.storage.vouched import read_vouched
from bes.storage.words import one_line


def save_network(path: Path, network: nn.Module, settings: dict[str, Any]) -> None:
    """Write the weights, and the settings as JSON in the file's metadata."""
    state = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    metadata = {"settings": json.dumps(settings, sort_keys=True)}
    write_atomic(path, safetensors.torch.save(state, metadata), durable=True)


def load_settings(path: Path) -> dict[str, Any]:
    """The settings that `save_network` put into the file."""
    try:
        read_vouched(path)  # the reader of the format takes a path alone
        with safetensors.safe_open(path, "pt") as file:
            return json.loads(file.metadata()["settings"])
    except (OSError, safetensors.SafetensorError, TypeError, KeyError, ValueError) as error:
        raise BesError(f"{path}: not a network that bes trained ({error})") from None


def load_weights(path: Path, network: nn.Module) -> nn.Module:
    """Fill a network built from `load_settings`; returns it in evaluation mode.

    Raises BesError for a file that is damaged or of another network.
    """
    try:
        network.load_state_dict(safetensors.torch.load(read_vouched(path)))
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise BesError(f"{path}: not the network of its own settings ({one_line(error)})") from None
    return network.eval()
