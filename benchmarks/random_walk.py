"""Times the random walk against the eight dense squarings of the published implementation.

Run from the root of the repository as `python benchmarks/random_walk.py`, with about 2 GB of free
memory. Exits with 1 if the walk is less than 500 times as fast.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.method.random_walk import random_walk

HEIGHT, WIDTH = 94, 125  # a photograph of 375x500 at stride 4
CLASSES = 2
SQUARINGS = 8
REQUIRED_RATIO = 500


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> int:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(CLASSES, HEIGHT, WIDTH, generator=generator)
    boundary = torch.rand(HEIGHT, WIDTH, generator=generator) ** 2
    walk = seconds(
        lambda: random_walk(maps, boundary, beta=5, steps=2**SQUARINGS, radius=5), repeats=5
    )

    pixels = HEIGHT * WIDTH
    transition = torch.rand(pixels, pixels, generator=generator).div_(pixels)
    squared = torch.empty_like(transition)
    product = seconds(lambda: torch.mm(transition, transition, out=squared), repeats=1)

    ratio = SQUARINGS * product / walk
    print(f"{HEIGHT}x{WIDTH}, {CLASSES} classes, {2**SQUARINGS} steps, ", end="")
    print(f"{torch.get_num_threads()} threads")
    print(f"random walk       {walk:9.3f} s")
    print(f"dense, 8 products {SQUARINGS * product:9.3f} s (one took {product:.3f} s)")
    print(f"ratio             {ratio:9.0f}   (required: {REQUIRED_RATIO})")
    return 0 if ratio >= REQUIRED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
