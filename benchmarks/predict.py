"""Compares `bes predict` with its network alone, on tensors that are there already: CPU seconds.

Run as `python benchmarks/predict.py`, on 200 drawn photographs of 500x375, or with `--photographs
FOLDER`. Both run in this process on one core, a part of the photographs by turns, so that what else
the machine does slows both. The network is an untrained MobileNet-V2 at stride 16: what it costs
does not depend on what it learnt. Exits with 1 where predicting without the dense CRF takes more
than its bound; what the CRF adds is shown beside it.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.augmentation import normalise, rescale
from bes.data.images import read_photograph
from bes.data.manifest import Catalog, ImageRecord
from bes.data.synthetic import CLASSES, generate
from bes.data.working_size import reduce_to
from bes.networks.deeplab import build_deeplab
from bes.predict.photographs import find_photographs
from bes.predict.run import predict
from bes.predict.trained import TrainedNetwork
from bes.stages.predictions import PredictionOptions
from bes.stages.segmentation_maps import SegmentationMapOptions
from bes.stages.shared.segmentation_inference import load_segmenter
from bes.storage.files import digest_file
from bes.storage.layout import model_file, model_receipt
from bes.storage.receipts import write_receipt
from bes.training.checkpoints import save_network

MOST = 1.3
PARTS = 5
SETTINGS = {"backbone": "mobilenet_v2", "head": "aspp", "output_stride": 16, "n_labels": 5}


def write_network(folder: Path, root: Path) -> TrainedNetwork:
    """A network with its receipt, as a training leaves it."""
    torch.manual_seed(0)
    save_network(model_file(folder), build_deeplab(SETTINGS, "none"), SETTINGS)
    digest = digest_file(model_file(folder)) or ""
    write_receipt(model_receipt(folder), {model_file(folder).name: digest})
    catalog = Catalog(root, CLASSES, tuple(range(1, len(CLASSES) + 1)))
    maps, labels = SegmentationMapOptions(merge="mean"), PredictionOptions(crf=False)
    return TrainedNetwork(folder, digest, folder, catalog, maps, labels)


@torch.inference_mode()
def network_alone(trained: TrainedNetwork, photographs: list[Path]) -> float:
    """CPU seconds of the network on what `bes predict` gives it: all scales, mirrored too."""
    network, seconds = load_segmenter(trained.file, "cpu"), 0.0
    stride = network.backbone.strides[-1]
    for path in photographs:
        photo = read_photograph(path)
        height, width = photo.shape[:2]
        record = ImageRecord("", "", width, height, (), "test", "")
        photo = reduce_to(photo, trained.catalog.working_size(record))
        views = []
        for scale in trained.maps.scales:
            image = torch.from_numpy(normalise(rescale(photo, scale)))
            pad = (0, -image.shape[-1] % stride, 0, -image.shape[-2] % stride)
            views.append(F.pad(torch.stack([image, image.flip(-1)]), pad))
        start = time.process_time()
        for view in views:
            network(view)
        seconds += time.process_time() - start
    return seconds


def predicted(trained: TrainedNetwork, folder: Path, out: Path) -> float:
    """CPU seconds of a whole call, from looking for photographs to the last label."""
    start = time.process_time()
    predict(
        folder,
        out=out,
        trained=trained,
        kinds=["labels"],
        labels=None,
        device="cpu",
        threads=1,
    )
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=Path, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=200, help="photographs (default: 200)")
    parser.add_argument("--crf", type=int, default=20, help="of them with the CRF (default: 20)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="bes-predict-") as name:
        base = Path(name)
        root = args.photographs
        if root is None:
            generate(base / "drawn", images=args.count, size=(375, 500), seed=0)
            root = base / "drawn/JPEGImages"
        names = list(find_photographs(root, without=base / "out").names)[: args.count]
        trained = write_network(base / "segmenter", root)
        network_alone(trained, [root / names[0]])
        alone = whole = 0.0
        for part in range(PARTS):
            folder = base / f"part{part}"
            folder.mkdir()
            for path in names[part::PARTS]:
                (folder / Path(path).name).symlink_to((root / path).absolute())
            one = network_alone(trained, sorted(folder.iterdir()))
            other = predicted(trained, folder, base / f"out{part}")
            print(f"part {part}: {other / one:.2f}", flush=True)
            alone, whole = alone + one, whole + other
        print(f"{len(names)} photographs, network alone: {alone:.1f} s")
        print(f"bes predict --no-crf: {whole:.1f} s, {whole / alone:.2f} times (at most {MOST})")
        folder = base / "crf"
        folder.mkdir()
        for path in names[: args.crf]:
            (folder / Path(path).name).symlink_to((root / path).absolute())
        with_crf = trained.with_options({"crf": True})
        one = network_alone(trained, sorted(folder.iterdir()))
        other = predicted(with_crf, folder, base / "out-crf")
        print(f"with the dense CRF, {args.crf} photographs: {other / one:.2f} times")
        return int(whole > MOST * alone)


if __name__ == "__main__":
    sys.exit(main())
