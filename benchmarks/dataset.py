"""Times `bes dataset` at the size of PASCAL VOC, and its memory.

Run as `python benchmarks/dataset.py`, with two CPU cores and 1 GB of disk for temporary files.
Draws photographs of the size that VOC's have, with or without masks, no two alike, and reads them
three times: all of them, when nothing changed, and when one more came. Exits with 1 where a figure
falls short.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.data.images import encode_labels

ROOT = Path(__file__).parents[1]


def draw(root: Path, numbers: range, size: tuple[int, int], *, masks: bool) -> None:
    """Add photographs and, if wanted, masks of (width, height) and label them."""
    for folder in ("JPEGImages", "SegmentationClass"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    texture = Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).resize(size)
    labels = np.zeros((size[1], size[0]), np.uint8)
    labels[: size[1] // 2, : size[0] // 2] = 1
    mask = encode_labels(labels)
    rows = [] if numbers.start else ["image,labels"]
    for number in numbers:
        # Moved and marked, so that every file has other bytes.
        picture = Image.fromarray(np.roll(np.asarray(texture), number, axis=(0, 1)))
        picture.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=85, comment=str(number))
        (root / f"JPEGImages/{number:05d}.jpg").write_bytes(content.getvalue())
        if masks:
            (root / f"SegmentationClass/{number:05d}.png").write_bytes(mask)
        rows.append(f"{number:05d}.jpg,{'cat' if number % 2 else 'cat dog'}")
    with open(root / "labels.csv", "a", encoding="utf-8") as table:
        table.write("".join(f"{row}\n" for row in rows))


def read(root: Path, out: Path) -> tuple[float, float]:
    """Seconds and largest resident memory, MB, of a run of `bes dataset`."""
    command = [sys.executable, "-m", "bes", "dataset", "--root", root, "--out", out]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in [*command, "--threads", 2, "--classes", "cat", "dog"]],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("bes dataset failed")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10582, help="photographs (default: 10582)")
    parser.add_argument("--size", type=int, nargs=2, default=(500, 375), help="width and height")
    parser.add_argument("--masks", action="store_true", help="a mask for each of them")
    args = parser.parse_args()
    short = 0
    with tempfile.TemporaryDirectory(prefix="bes-dataset-") as folder:
        root, out = Path(folder, "photographs"), Path(folder, "dataset")
        draw(root, range(args.images), tuple(args.size), masks=args.masks)
        for what, most in (("all", 60), ("nothing new", 5), ("one more", 5)):
            if what == "one more":
                draw(root, range(args.images, args.images + 1), tuple(args.size), masks=args.masks)
            seconds, memory = read(root, out)
            short += seconds > most or memory > 500
            print(
                f"{what:<12}{seconds:8.1f} s (at most {most} s){memory:8.0f} MB (at most 500 MB)",
                flush=True,
            )
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
