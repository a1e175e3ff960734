"""Times a training on two threads, alone and beside a process that keeps one core busy.

Run as `python benchmarks/beside_other_work.py` on two cores with nothing else at work. Each time it
is measured with threads that sleep while they wait for one another, as `limit_threads` has them,
and with those that spin, as OpenMP has them by default. The iterations are the same ones.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ITERATIONS = 10
TRAINING = f"""
import time
import torch, torchvision
torch.manual_seed(0)
network = torchvision.models.resnet18(weights=None)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
images = torch.rand(16, 3, 160, 160)
for step in range({ITERATIONS} + 1):
    if step == 1:  # the first one starts the threads
        began = time.perf_counter()
    loss = network(images).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print((time.perf_counter() - began) / {ITERATIONS}, loss.item())
"""


@contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """A process that keeps a core busy, or none."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if other:
            other.kill()


def seconds(policy: dict[str, str]) -> tuple[float, float]:
    """Seconds of an iteration, and the last loss."""
    environment = os.environ | {"OMP_NUM_THREADS": "2"} | policy
    words = [sys.executable, "-c", TRAINING]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    took, loss = done.stdout.split()
    return float(took), float(loss)


def main() -> None:
    print(f"{'seconds of an iteration':<26}{'spinning':>10}{'sleeping':>10}")
    found = {}
    for beside in (False, True):
        with busy(beside):
            found[beside] = [seconds(policy) for policy in ({}, {"OMP_WAIT_POLICY": "PASSIVE"})]
        times = "".join(f"{took:>10.2f}" for took, _ in found[beside])
        print(f"{'beside a busy process' if beside else 'alone':<26}{times}")
    assert len({loss for pair in found.values() for _, loss in pair}) == 1, "other numbers"
    ratios = (later / alone for (alone, _), (later, _) in zip(*found.values(), strict=True))
    print(f"{'ratio':<26}" + "".join(f"{ratio:>10.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
