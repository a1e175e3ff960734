"""Initial weights: state dicts read from files or downloaded, and matched key by key."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from bes.errors import BesError
from bes.storage.words import first_line

State = dict[str, torch.Tensor]


def read_state(path: Path) -> State:
    """A state dict from `.safetensors` or a torch file (tensors only: no code of the file is
    run).

    It may be wrapped as `state_dict` or `model`, its keys may begin with `module.`. Raises BesError
    for a file that is missing or holds anything else.
    """
    if not path.is_file():
        raise BesError(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            state: Any = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BesError(f"{path}: not a state dict of tensors ({first_line(error)})") from None
    for wrapper in ("state_dict", "model"):
        state = state.get(wrapper, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise BesError(f"{path}: expected a state dict of tensors")
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_matching(
    network: nn.Module,
    state: State,
    *,
    source: str,
    name: str,
    head: tuple[str, ...],
) -> None:
    """Load a state dict into a network, all keys but those of its head; raises BesError
    otherwise.

    `source` and `name` are what state dict and network are called in the message, `head` is the
    beginnings of keys to leave out.
    """
    given = {k: v for k, v in state.items() if not k.startswith(head)}
    wanted = {k: v for k, v in network.state_dict().items() if not k.startswith(head)}
    # Older checkpoints lack the counters of BatchNorm, which evaluation never reads.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    surplus = [k for k in given if k not in wanted]
    shapes = [k for k in given if k in wanted and given[k].shape != wanted[k].shape]
    if missing or surplus or shapes:
        raise BesError(
            f"{source}: does not fit {name}: "
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
