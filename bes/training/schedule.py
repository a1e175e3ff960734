"""How long a training runs, at which learning rate, and which photographs each step sees."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from bes.errors import BesError
from bes.options.declared import Range

SEED = Range(0, 2**32 - 1)
"""What every generator of random numbers takes."""
MAX_ITERATIONS = 1_000_000
BATCH_SIZE = Range(1, 1024)
CROP = Range(32, 4096)
"""Side of a training crop, pixels."""


@dataclass(frozen=True)
class TrainingOptions:
    """Options that every training has."""

    epochs: Annotated[float, Range(0.01, 10_000)] = 1.0
    """Passes over the training photographs; each is floor(photographs / batch_size) iterations."""
    iterations: Annotated[int, Range(0, MAX_ITERATIONS)] = 0
    """Iterations in all; 0: as many as `epochs` gives."""
    batch_size: Annotated[int, BATCH_SIZE] = 16
    """Photographs per iteration, over all devices together."""
    lr: Annotated[float, Range(0.0, 100.0)] = 0.1
    """Learning rate at the start."""
    momentum: Annotated[float, Range(0.0, 1.0)] = 1e-4
    """Momentum of SGD. The published runs had 1e-4 (the weight decay passed in its place); the
    paper prints 0.9."""
    weight_decay: Annotated[float, Range(0.0, 10.0)] = 1e-4
    """Weight decay of SGD."""
    power: Annotated[float, Range(0.0, 100.0)] = 0.9
    """Exponent of the poly schedule lr * (1 - iteration / iterations) ** power."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Arithmetic of the forward and backward pass."""
    seed: Annotated[int, SEED] = 0
    """Seed of the initial weights, of the order of the photographs and of their augmentation."""


def total_steps(options: TrainingOptions, photographs: int) -> int:
    """Iterations of a training, at least 1; raises BesError if they are too many."""
    per_epoch = max(photographs // options.batch_size, 1)
    steps = options.iterations or max(round(options.epochs * per_epoch), 1)
    if steps > MAX_ITERATIONS:
        raise BesError(
            f"epochs: found {options.epochs:g}, which makes {steps} iterations of {photographs} "
            f"photographs, expected at most {MAX_ITERATIONS}"
        )
    return steps


def poly(step: int, *, steps: int, power: float) -> float:
    """The factor of the learning rate at an iteration counted from 0."""
    return (1 - step / steps) ** power


def batches(
    photographs: int, *, batch_size: int, first: int, steps: int, seed: int
) -> Iterator[list[tuple[int, int, int]]]:
    """Batches of (photograph, step, position), for steps `first` to `steps` - 1.

    Each epoch is one shuffled pass, its incomplete last batch dropped. A batch is a function of the
    seed and the step alone, so a resumed training sees what an undisturbed one would have seen.
    """
    import numpy as np

    per_epoch = max(photographs // batch_size, 1)
    order, shuffled = np.empty(0, int), -1
    for step in range(first, steps):
        epoch, place = divmod(step, per_epoch)
        if epoch != shuffled:
            order, shuffled = np.random.default_rng([seed, epoch]).permutation(photographs), epoch
        chosen = order[(place * batch_size + np.arange(batch_size)) % photographs]
        yield [(int(index), step, position) for position, index in enumerate(chosen)]
