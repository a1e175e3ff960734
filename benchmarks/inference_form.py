"""Compares the network of the CAMs as it was trained with its form for inference: CPU time.

Run as `python benchmarks/inference_form.py`. Both look by turns at the same random pixels, a
photograph of 500x375 and its mirror image at the scales of the stage `cams`, on one core. The
network is an untrained MobileNet-V2. Exits with 1 where the ratio is above its bound, or where the
maps differ by more than what `bes/networks/inference.py` says.
"""

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.networks.classifier import build_classifier
from bes.networks.inference import for_inference
from bes.stages.cams import CamOptions

MOST = 0.6
APART = 1e-5
SETTINGS: dict[str, Any] = {
    "backbone": "mobilenet_v2",
    "n_classes": 20,
    "pooling": "gap",
    "k": 0,
    "detach": True,
}


@torch.inference_mode()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = build_classifier(SETTINGS, "none").eval()
    networks: tuple[Any, ...] = (plain, for_inference(copy.deepcopy(plain)))
    sizes = [(round(375 * scale), round(500 * scale)) for scale in CamOptions().scales]
    seconds, apart = [0.0, 0.0], 0.0
    for _ in range(args.rounds):
        for size in sizes:
            images, maps = torch.randn(2, 3, *size), []
            for way, network in enumerate(networks):
                begin = time.process_time()
                maps.append(network.class_maps(images))
                seconds[way] += time.process_time() - begin
            apart = max(apart, float((maps[0] - maps[1]).abs().max() / maps[0].abs().max()))
    before, after = (spent / args.rounds for spent in seconds)
    print(f"as trained {before:.2f} s a photograph, for inference {after:.2f} s")
    print(f"ratio {after / before:.2f} (at most {MOST}), apart {apart:.1g} (at most {APART})")
    return int(after > MOST * before or apart > APART)


if __name__ == "__main__":
    sys.exit(main())
