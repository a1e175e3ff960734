"""The training loop of every network: SGD with a poly schedule, resumable, on any devices."""

import io
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn
from torch.utils.data import DataLoader, Dataset

from bes.errors import BesError
from bes.incremental.stage import TrainingRun
from bes.storage.files import DIGEST_LENGTH, digest_bytes, write_atomic
from bes.storage.progress import Progress
from bes.training.schedule import TrainingOptions, batches, poly, total_steps

CHECKPOINT_SECONDS = 60.0


class Manner(NamedTuple):
    """What an accelerator computes fast."""

    layout: torch.memory_format
    """Of weights and images: a GPU's convolutions are written for channels last."""
    fused: bool
    """Whether SGD updates all weights in one kernel, not in several for each."""
    autotune: bool
    """Whether cuDNN tries its algorithms at the first batch: all crops have one size."""
    read_every: int
    """Iterations after which the losses are read, which a GPU has to be waited for."""


MANNERS = {
    "cpu": Manner(torch.contiguous_format, fused=False, autotune=False, read_every=1),
    "cuda": Manner(torch.channels_last, fused=True, autotune=True, read_every=10),
}

View = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
Loss = Callable[[torch.Tensor, torch.Tensor], dict[str, torch.Tensor]]


class Views(Dataset):
    """Random views (image, target) of photographs; a view is a function of the seed and of its
    place."""

    def __init__(self, view: View, *, names: Sequence[str], seed: int):
        self.view, self.names, self.seed = view, names, seed

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        photograph, step, position = key
        return self.view(photograph, np.random.default_rng([self.seed, step, position]))


def train(
    network: nn.Module,
    *,
    name: str,
    views: Views,
    groups: Iterable[dict[str, Any]],
    loss: Loss,
    options: TrainingOptions,
    run: TrainingRun,
) -> list[dict[str, float]]:
    """Train a network in place; returns learning rate and losses of every iteration.

    `loss` maps the outputs and targets of the whole batch to named terms, of which `total` is
    minimised. With several devices the outputs are gathered before the loss, so a loss that counts
    over the batch (Eq. 4) is the same on any number of them. A checkpoint of the same identity is
    resumed from, and the result is what an undisturbed training gives.

    Raises BesError where the loss is not finite; the last checkpoint stays.
    """
    devices = run.devices
    if options.batch_size % devices:
        raise BesError(
            f"batch_size: found {options.batch_size}, expected a multiple of the {devices} devices"
        )
    fabric = Fabric(
        accelerator=run.accelerator,
        devices=devices,
        precision=options.precision,
        strategy="ddp" if devices > 1 else "auto",
        # Fabric would leave the start of further processes to SLURM, which was asked for one task.
        plugins=[LightningEnvironment()],
    )
    fabric.launch()
    manner = MANNERS[run.accelerator]
    network.to(memory_format=manner.layout)
    optimizer = torch.optim.SGD(
        groups,
        lr=options.lr,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        fused=manner.fused,
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    network, optimizer = fabric.setup(network, optimizer)
    history = _resume(run.checkpoint, run.identity, fabric, network, optimizer)
    steps, first = total_steps(options, len(views.names)), len(history)
    mine = slice(
        fabric.global_rank * options.batch_size // devices,
        (fabric.global_rank + 1) * options.batch_size // devices,
    )
    plan = list(
        batches(
            len(views.names),
            batch_size=options.batch_size,
            first=first,
            steps=steps,
            seed=options.seed,
        )
    )
    loader = fabric.setup_dataloaders(
        DataLoader(
            views,
            batch_sampler=[batch[mine] for batch in plan],
            num_workers=run.workers,
            pin_memory=run.accelerator == "cuda",
        ),
        use_distributed_sampler=False,
    )
    network.train()
    torch.backends.cudnn.benchmark = manner.autotune
    progress = Progress(name, steps, unit="iterations", done=first)
    saved = time.monotonic()
    unread: list[_Iteration] = []
    for step, batch, (images, targets) in zip(itertools.count(first), plan, loader, strict=False):
        factor = poly(step, steps=steps, power=options.power)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        outputs = network(images.contiguous(memory_format=manner.layout)).float()
        if devices > 1:
            outputs = _gather(fabric, outputs)
            targets = _gather(fabric, targets)
        terms = loss(outputs, targets)
        optimizer.zero_grad()
        fabric.backward(terms["total"])
        optimizer.step()
        losses = {key: value.detach() for key, value in terms.items()}
        unread.append(_Iteration(step, batch, options.lr * factor, losses))
        if len(unread) < manner.read_every and step + 1 < steps:
            continue
        for row in _read(unread, name=name, views=views):
            history.append(row)
            progress.step(f"loss {row['total']:.4f}")
        unread.clear()
        if fabric.is_global_zero and time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(run.checkpoint, run.identity, fabric, network, optimizer, history)
            saved = time.monotonic()
    # Whoever measures the network shows it photographs of many sizes.
    torch.backends.cudnn.benchmark = False
    return history


class _Iteration(NamedTuple):
    """What is told of an iteration, with its losses where they were computed."""

    step: int
    batch: list[tuple[int, int, int]]
    lr: float
    losses: dict[str, torch.Tensor]


def _read(unread: list[_Iteration], *, name: str, views: Views) -> Iterator[dict[str, float]]:
    """Learning rate and losses of each, in one copy; raises BesError at one that is not finite."""
    values = torch.stack([torch.stack([*each.losses.values()]) for each in unread]).tolist()
    for each, row in zip(unread, values, strict=True):
        losses = dict(zip(each.losses, row, strict=True))
        if not math.isfinite(losses["total"]):
            photographs = ", ".join(views.names[index] for index, _, _ in each.batch)
            raise BesError(
                f"{name}: the loss is {losses['total']} at iteration {each.step + 1} "
                f"({photographs}), expected a finite number; lower --lr or use --precision 32-true"
            )
        yield {"lr": each.lr, **losses}


def _gather(fabric: Fabric, part: torch.Tensor) -> torch.Tensor:
    """The parts of a batch that all processes have, as one; gradients find their way back."""
    gathered = fabric.all_gather(part, sync_grads=part.requires_grad)
    assert isinstance(gathered, torch.Tensor)
    return gathered.flatten(0, 1)


def _save(
    path: Path, identity: str, fabric: Fabric, network: Any, optimizer: Any, history: list
) -> None:
    content = io.BytesIO()
    torch.save(
        {
            "identity": identity,
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "precision": fabric.strategy.precision.state_dict(),
            "history": history,
        },
        content,
    )
    state = content.getvalue()
    write_atomic(path, digest_bytes(state).encode() + state, durable=True)


def _resume(
    path: Path, identity: str, fabric: Fabric, network: Any, optimizer: Any
) -> list[dict[str, float]]:
    """Load a checkpoint of the same training; returns its history, empty where there is none.

    The file begins with the digest of the rest, so that a damaged one is known before any of it is
    loaded. It is left aside, and so is one of another identity.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    digest, content = content[:DIGEST_LENGTH], content[DIGEST_LENGTH:]
    if digest != digest_bytes(content).encode():
        print(f"{path}: a damaged checkpoint is left aside", file=sys.stderr)
        return []
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        return []
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    fabric.strategy.precision.load_state_dict(state["precision"])
    print(f"resumed after {len(state['history'])} iterations", file=sys.stderr)
    return state["history"]
