"""Times the dense CRF against the library pydensecrf, and compares their labels.

Run as `python benchmarks/dense_crf.py FOLDER`: a folder of JPEG photographs, of which the first are
taken. Their labels are blobs of a few labels, drawn at random. Exits with 1 where the CPU time is
above its bound, as a share of pydensecrf's in the same process, or labels differ.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bes.method.dense_crf import DenseCrfSettings, load_inference, refine_all

CASES = (
    ("boundary labels: 2 maps, 2 labels", 2, 2, 50.0, 0.42),
    ("pseudo labels: 2 labels", 2, 1, 20.0, 0.55),
    ("pseudo labels: 3 labels", 3, 1, 20.0, 0.75),
    ("pseudo labels: 4 labels", 4, 1, 20.0, 1.0),
)
"""What is refined: labels, label maps, reach of the bilateral kernel, bound of the ratio."""


def blobs(rng: np.random.Generator, shape: tuple[int, int], labels: int) -> np.ndarray:
    """Labels of blobs about a tenth of the photograph in size."""
    coarse = rng.random((labels, 10, 12)).astype(np.float32)
    scores = [
        np.asarray(Image.fromarray(one).resize(shape[::-1], Image.Resampling.BICUBIC))
        for one in coarse
    ]
    return np.argmax(scores, axis=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", type=int, default=20)
    args = parser.parse_args()
    files = sorted(args.folder.glob("*.jpg"))[: args.photographs]
    photographs = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    print(f"{'':<36}{'at most':>9}{'ratio':>9}{'seconds':>9}{'pydensecrf':>12}{'differ':>9}")
    short = 0
    for name, n_labels, n_maps, reach, bound in CASES:
        rng = np.random.default_rng(0)
        settings = DenseCrfSettings(bilateral_sxy=reach)
        by_library = dataclasses.replace(settings, pydensecrf=True)
        load_inference(settings, label_maps=n_maps)
        seconds, differing = np.zeros(2), 0.0
        for number, photo in enumerate(photographs):
            maps = [blobs(rng, photo.shape[:2], n_labels) for _ in range(n_maps)]
            results = []
            if number == 0 and n_labels > 2:  # compiled at the first call
                refine_all(photo, maps, n_labels, settings)
            for way, choice in enumerate((settings, by_library)):
                begin = time.process_time()
                results.append(np.stack(refine_all(photo, maps, n_labels, choice)))
                seconds[way] += time.process_time() - begin
            differing += float((results[0] != results[1]).mean()) / len(photographs)
        ours, theirs = seconds / len(photographs)
        good = ours / theirs <= bound and differing <= 1e-4
        short += not good
        print(
            f"{name:<36}{bound:>9.2f}{ours / theirs:>9.2f}{ours:>9.3f}{theirs:>12.3f}"
            f"{differing:>9.1e}{'' if good else '  falls short'}"
        )
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
