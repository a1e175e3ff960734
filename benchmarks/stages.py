"""Times each per-image stage against the part of it that cannot be spared: CPU time a photograph.

Run as `python benchmarks/stages.py FOLDER`: a folder of JPEG photographs, of which the first are
taken. Of a stage with a network that part is the network alone, in its form for inference and on
tensors that are there already, of the others the dense CRF or the random walk. Both run by turns in
this process, on one core, on the same values. The networks are untrained MobileNets: what they cost
does not depend on what they learnt. Exits with 1 where a stage takes more than its bound.
"""

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import cv2
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.manifest import Catalog, ImageRecord
from bes.incremental.stage import PerImageStage, Sources, image_file, stage_of
from bes.networks.benet import BENet, build_benet
from bes.networks.classifier import Classifier, build_classifier
from bes.networks.deeplab import DeepLab, build_deeplab
from bes.storage.files import write_atomic
from bes.storage.layout import model_file
from bes.training.checkpoints import save_network

MOST = 1.25
CLASSES = ("cat", "dog")
BACKBONE = {"backbone": "mobilenet_v2"}
NETWORKS: dict[str, tuple[Callable, dict[str, Any]]] = {
    "classifier": (
        build_classifier,
        BACKBONE | {"n_classes": len(CLASSES), "pooling": "gap", "k": 0.0, "detach": True},
    ),
    "benet": (build_benet, BACKBONE),
    "segmenter": (
        build_deeplab,
        BACKBONE | {"head": "aspp", "output_stride": 16, "n_labels": len(CLASSES) + 1},
    ),
}


class Case(NamedTuple):
    """A stage and the function that does its work."""

    stage: str
    home: Any
    """The class or module that has it."""
    function: str


CASES = (
    Case("cams", Classifier, "class_maps"),
    Case("boundary_labels", "bes.method.dense_crf", "refine_all"),
    Case("boundary_maps", BENet, "forward"),
    Case("revised_maps", "bes.method.random_walk", "random_walk"),
    Case("pseudo_labels", "bes.method.dense_crf", "refine"),
    Case("segmentation_maps", DeepLab, "forward"),
    Case("predictions", "bes.method.dense_crf", "refine_probabilities"),
)


@contextmanager
def calls_of(case: Case) -> Iterator[tuple[list, Callable]]:
    """The calls of the function, as they come, and the function itself."""
    home = importlib.import_module(case.home) if isinstance(case.home, str) else case.home
    function, calls = getattr(home, case.function), []

    def noted(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return function(*args, **kwargs)

    with mock.patch.object(home, case.function, noted):
        yield calls, function


def measure(
    case: Case, sources: Sources, records: list[ImageRecord], rounds: int
) -> tuple[float, float]:
    """CPU seconds a photograph of the stage, and of the function alone on the same values."""
    stage = stage_of(case.stage)
    assert isinstance(stage, PerImageStage)
    whole = alone = 0.0
    with calls_of(case) as (calls, function), torch.inference_mode():
        compute = stage.prepare(stage.options(), sources)
        # What is compiled at the first call, for each number of labels.
        for record in {len(record.labels): record for record in records}.values():
            compute(record)
        for record in records * rounds:
            calls.clear()
            begin = time.process_time()
            content = compute(record)
            whole += time.process_time() - begin
            begin = time.process_time()
            for args, kwargs in calls:
                function(*args, **kwargs)
            alone += time.process_time() - begin
            write_atomic(image_file(case.stage, sources.folders[case.stage], record.id), content)
    count = len(records) * rounds
    return whole / count, alone / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    records = []
    for number, file in enumerate(sorted(args.folder.glob("*.jpg"))[: args.photographs]):
        with Image.open(file) as picture:
            width, height = picture.size
        labels = CLASSES if number % 4 == 3 else CLASSES[:1]
        records.append(ImageRecord(file.stem, file.name, width, height, labels, "train", ""))
    short = 0
    with tempfile.TemporaryDirectory(prefix="bes-stages-") as name:
        folders = {stage: Path(name, stage) for stage in (*NETWORKS, *(c.stage for c in CASES))}
        for stage, (build, settings) in NETWORKS.items():
            torch.manual_seed(0)
            save_network(model_file(folders[stage]), build(settings, "none"), settings)
        sources = Sources(Catalog(args.folder, CLASSES, (1, 2)), folders, "cpu")
        print(
            f"{len(records)} photographs, CPU ms\n{'stage':<20}{'all':>8}{'alone':>8}{'ratio':>7}"
        )
        for case in CASES:
            whole, alone = measure(case, sources, records, args.rounds)
            good = whole <= MOST * alone
            short += not good
            print(
                f"{case.stage:<20}{1000 * whole:>8.0f}{1000 * alone:>8.0f}{whole / alone:>7.2f}"
                f" (at most {MOST}){'' if good else '  falls short'}",
                flush=True,
            )
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
