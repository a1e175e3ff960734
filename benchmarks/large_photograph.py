"""Times every per-image stage on one photograph of 100 million pixels, and its memory.

Run as `python benchmarks/large_photograph.py`, with 3 GB of memory. The networks are untrained
MobileNets: what a stage costs does not depend on what they learnt. Exits with 1 where a stage takes
more memory than its bound, or the label is not of the size of the photograph.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.incremental.stage import per_image_stages, stage_of
from bes.storage.files import digest_file, write_atomic
from bes.storage.layout import model_file, model_receipt

ROOT = Path(__file__).parents[1]
MOST = 3000
"""Megabytes."""


def write_networks(base: Path) -> None:
    """Both networks, with the receipts of their trainings."""
    from bes.networks.benet import build_benet
    from bes.networks.classifier import build_classifier
    from bes.training.checkpoints import save_network

    settings = {"backbone": "mobilenet_v2", "n_classes": 2, "pooling": "gap", "k": 0.0}
    settings["detach"] = True
    for name, build in (("classifier", build_classifier), ("benet", build_benet)):
        save_network(model_file(base / name), build(settings, "none"), settings)
        files = {model_file(base).name: digest_file(model_file(base / name))}
        write_atomic(model_receipt(base / name), json.dumps({"files": files}).encode())


def run(stage: str, *words: object) -> float:
    """Run a stage, print its CPU seconds and largest resident memory, and return that in MB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bes", stage, *map(str, words), "--threads", "1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"bes {stage} failed")
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
    print(f"{stage:<16}{seconds:8.1f} s{memory:8.0f} MB (at most {MOST} MB)", flush=True)
    return memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10_000, help="pixels (default: 10000)")
    side = parser.parse_args().side
    with tempfile.TemporaryDirectory(prefix="bes-large-") as folder:
        base, photographs = Path(folder), Path(folder, "photographs")
        photographs.mkdir()
        pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((side, side)).save(photographs / "a.jpg")
        (photographs / "labels.csv").write_text("image,labels\na.jpg,cat dog\n")
        write_networks(base)
        memory = [run("dataset", "--root", photographs, "--out", base / "dataset", "--shards", 1)]
        for name in per_image_stages():
            sources = [("dataset", base / "dataset")]
            sources += [
                (source, base / source)
                for source in stage_of(name).parents(stage_of(name).options())
            ]
            words = [(f"--{source.replace('_', '-')}", path) for source, path in sources]
            flags = [word for pair in [*words, ("--out", base / name)] for word in pair]
            device = ["--device", "cpu"] if getattr(stage_of(name), "on_device", False) else []
            memory.append(run(name, *flags, *device))
        with Image.open(base / "pseudo_labels/a.png") as label:
            whole = label.size == (side, side)
            print(f"the label has {label.size[0]}x{label.size[1]} pixels")
    return 0 if whole and max(memory) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
