"""Times the views of the trainings: decoded, scaled, mirrored, cut and normalised, on one core.

Run as `python benchmarks/views.py FOLDER`: a folder of JPEG photographs, of which the first are
taken. Beside it the same view as it was before: the whole photograph scaled and normalised,
channels last, and then cut. Both give the same values but for rounding, which is checked. Exits
with 1 where the ratio of CPU times is below its bound.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.augmentation import MEAN, STD, ResizedCrop, rescale
from bes.data.images import read_photograph

Cut = Callable[[ResizedCrop, np.ndarray, float], np.ndarray]
LEAST = 1.5
VIEWS = {"classifier": (512, None), "benet": (512, (0.5, 1.5)), "segmenter": (321, (0.5, 1.5))}
"""Side of the crop and range of the scale; None: the longer side becomes 320 to 512 pixels."""


ROUNDING = 0.01
"""Half of one of 255 levels, in the mean over a view: rows or columns may be resized first."""


def cut_last(crop: ResizedCrop, photo: np.ndarray, factor: float) -> np.ndarray:
    """As views were made before."""
    whole = np.ascontiguousarray(
        ((rescale(photo, factor) / np.float32(255) - MEAN) / STD).transpose(2, 0, 1)
    )
    out = np.zeros((3, crop.crop, crop.crop), np.float32)
    out[:, *crop.target] = (whole[..., ::-1] if crop.mirror else whole)[:, *crop.source]
    return out


def cut_first(crop: ResizedCrop, photo: np.ndarray, factor: float) -> np.ndarray:
    """As they are made."""
    return crop.apply_to_photo(photo)


def view(name: str, path: Path, seed: int, cut: Cut) -> np.ndarray:
    """A random view of a photograph."""
    side, scale = VIEWS[name]
    rng, photo = np.random.default_rng(seed), read_photograph(path)
    longer = rng.integers(320, 513)
    factor = rng.uniform(*scale) if scale else longer / max(photo.shape[:2])
    return cut(ResizedCrop.draw(photo.shape[:2], factor, side, rng), photo, factor)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    files = sorted(args.folder.glob("*.jpg"))[: args.photographs]
    print(f"{'training':<14}{'before':>10}{'views/s':>10}{'ratio':>8} (at least {LEAST})")
    short = 0
    for name in VIEWS:
        seconds = np.zeros(2)
        for seed in range(args.rounds):
            for path in files:
                results = []
                for way, cut in enumerate((cut_last, cut_first)):
                    begin = time.process_time()
                    results.append(view(name, path, seed, cut))
                    seconds[way] += time.process_time() - begin
                if np.abs(results[0] - results[1]).mean() > ROUNDING:
                    sys.exit(f"{name}: {path} gives other values than before")
        before, now = len(files) * args.rounds / seconds
        short += now < LEAST * before
        print(f"{name:<14}{before:>10.0f}{now:>10.0f}{now / before:>8.2f}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
