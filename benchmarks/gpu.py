"""Images a second of trainings and of inference on a GPU, beside those of their networks alone.

Run as `python benchmarks/gpu.py`, on a machine with a GPU. Draws scenes of 500x375. A training runs
as the workflow runs it, with loaders that read the scenes, and then its steps alone on one batch
that is on the GPU. A stage runs over the scenes with the threads of its rule, and then its network
alone on what the stage gave it. A ratio far below 1 says that the GPU waits. The networks are
untrained; nothing is asserted. Without a GPU it says so and ends with 2; `--device cpu --small` is
the same in a few seconds on a CPU, for its test.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from stages import CASES, Case, calls_of
from torch.utils.data import default_collate

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.images import encode_boundary_labels
from bes.data.manifest import Catalog, ImageRecord
from bes.data.synthetic import CLASSES, generate
from bes.errors import BesError
from bes.incremental.device import acquire_device
from bes.incremental.stage import (
    PerImageStage,
    Sources,
    TrainingRun,
    TrainingStage,
    image_file,
    stage_of,
)
from bes.method.boundary_labels import BoundaryLabel
from bes.storage.files import write_atomic
from bes.storage.layout import model_file
from bes.training.checkpoints import save_network
from bes.training.loop import MANNERS

BACKBONES = {"classifier": "resnet50", "benet": "resnet50", "segmenter": "resnet101"}
SMALL = {"backbone": "mobilenet_v2", "crop": 64, "batch_size": 2}
THREADS_OF_STAGE = 4


def draw(folder: Path, count: int, size: tuple[int, int]) -> Sources:
    """Scenes, their masks as pseudo labels, boundary labels in blocks, untrained networks."""
    generate(folder / "scenes", images=count, size=size, seed=0)
    folders = {name: folder / name for name in (*BACKBONES, "boundary_labels", "pseudo_labels")}
    rng = np.random.default_rng(0)
    for mask in sorted((folder / "scenes/SegmentationClass").iterdir()):
        write_atomic(
            image_file("pseudo_labels", folders["pseudo_labels"], mask.stem), mask.read_bytes()
        )
        blocks = rng.choice(
            np.array([*BoundaryLabel], np.uint8), (-(-size[0] // 8), -(-size[1] // 8))
        )
        labels = blocks.repeat(8, 0).repeat(8, 1)[: size[0], : size[1]]
        path = image_file("boundary_labels", folders["boundary_labels"], mask.stem)
        write_atomic(path, encode_boundary_labels(labels))
    return Sources(Catalog(folder / "scenes/JPEGImages", CLASSES, tuple(range(1, 6))), folders, "")


def clock(device: str) -> float:
    """Seconds, once the device has done all that it was told to."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def training(stage: TrainingStage, options: Any, run: TrainingRun) -> tuple[float, float]:
    """Images a second of the steps alone, and of the training; leaves a network behind."""

    def fit(iterations: int) -> float:
        # Of another identity, no checkpoint is gone on from.
        begin = clock(run.accelerator)
        stage.fit(replace(options, iterations=iterations), replace(run, identity=str(iterations)))
        return clock(run.accelerator) - begin

    images = options.iterations * options.batch_size
    # What the start takes is in both.
    short = fit(options.iterations)
    whole = 2 * images / (fit(3 * options.iterations) - short)

    with mock.patch("bes.training.loop.train", return_value=[]) as given:
        trained = stage.fit(options, run)
    save_network(model_file(run.out), trained.network, trained.settings)
    return images / steps_alone(*given.call_args.args, **given.call_args.kwargs), whole


def steps_alone(
    network: Any, *, groups: Any, views: Any, loss: Any, options: Any, run: TrainingRun, **_: Any
) -> float:
    """Seconds of as many steps as the options say, on a batch that is on the device."""
    manner = MANNERS[run.accelerator]
    network.to(run.accelerator, memory_format=manner.layout).train()
    optimizer = torch.optim.SGD(groups, lr=options.lr, momentum=0.9, fused=manner.fused)
    batch = [views[n % len(run.records), 0, n] for n in range(options.batch_size)]
    images, targets = (part.to(run.accelerator) for part in default_collate(batch))
    images = images.contiguous(memory_format=manner.layout)
    torch.backends.cudnn.benchmark = manner.autotune
    for step in range(-2, options.iterations):
        if step == 0:
            begin = clock(run.accelerator)
        optimizer.zero_grad()
        loss(network(images), targets)["total"].backward()
        optimizer.step()
    torch.backends.cudnn.benchmark = False
    return clock(run.accelerator) - begin


def inference(case: Case, sources: Sources, records: list[ImageRecord]) -> tuple[float, float]:
    """Images a second of the network alone, and of the stage."""
    stage = stage_of(case.stage)
    assert isinstance(stage, PerImageStage)
    with calls_of(case) as (calls, function), torch.inference_mode():
        compute = stage.prepare(stage.options(), sources)
        compute(records[0])
        calls.clear()
        begin = clock(sources.device)
        with ThreadPoolExecutor(THREADS_OF_STAGE) as executor:
            list(executor.map(compute, records))
        whole = len(records) / (clock(sources.device) - begin)
        begin = clock(sources.device)
        for args, kwargs in calls:
            function(*args, **kwargs)
        return len(records) / (clock(sources.device) - begin), whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="MobileNet on few pixels")
    parser.add_argument("--threads", type=int, default=8, help="loaders (default: 8)")
    args = parser.parse_args()
    try:
        device = acquire_device(args.device)
    except BesError as error:
        print(error, file=sys.stderr)
        return 2
    count, size, steps = (4, (64, 80), 2) if args.small else (64, (375, 500), 20)
    print(torch.cuda.get_device_name() if device == "cuda" else "CPU")
    with tempfile.TemporaryDirectory(prefix="bes-gpu-") as folder:
        sources = replace(draw(Path(folder), count, size), device=device)
        records = [
            ImageRecord(path.stem, path.name, size[1], size[0], CLASSES[:1], "train", "")
            for path in sorted(sources.catalog.root.iterdir())
        ]
        print(f"{'images/s':<20}{'alone':>9}{'all':>9}{'ratio':>7}")

        def show(name: str, alone: float, whole: float) -> None:
            print(f"{name:<20}{alone:>9.1f}{whole:>9.1f}{whole / alone:>7.2f}", flush=True)

        for name, backbone in BACKBONES.items():
            stage = stage_of(name)
            assert isinstance(stage, TrainingStage)
            # A learning rate that leaves untrained networks as they are.
            options = stage.options(weights="none", lr=1e-6, iterations=steps, backbone=backbone)
            options = replace(options, **SMALL) if args.small else options
            folders = sources.folders
            run = TrainingRun(
                *(sources.catalog, records, folders, folders[name], "", device, 1, args.threads)
            )
            show(name, *training(stage, options, run))
        for case in CASES:
            if getattr(stage_of(case.stage), "on_device", False):
                show(case.stage, *inference(case, sources, records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
