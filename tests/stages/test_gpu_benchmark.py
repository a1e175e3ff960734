"""The benchmark for machines with a GPU runs, on a CPU and in small."""

import os
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def benchmark(*flags: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(BENCHMARK), *flags]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(words, capture_output=True, text=True, env=environment)


def test_every_training_and_every_network_stage_has_its_rates() -> None:
    done = benchmark("--device", "cpu", "--small")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.count(".") == 3]
    assert [row[0] for row in rows] == [
        *("classifier", "benet", "segmenter"),
        *("cams", "boundary_maps", "segmentation_maps"),
    ]
    assert all(float(alone) > 0 for _, alone, *_ in rows)


def test_without_a_gpu_it_says_so() -> None:
    done = benchmark()
    assert done.returncode == 2
    assert done.stderr.startswith("--device cuda: found no usable GPU") and not done.stdout
