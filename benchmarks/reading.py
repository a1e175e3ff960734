"""Times reading a photograph of 12 megapixels at its working size: the first time, and again.

Run as `python benchmarks/reading.py`, or with `--photograph FILE`, a photograph that is enlarged to
that size. CPU milliseconds of one core. Exits with 1 where a later read takes more than its bound.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.manifest import Catalog, ImageRecord
from bes.data.working_size import read_reduced
from bes.storage.files import digest_file

SIZE = (4000, 3000)
MOST = 10.0
READS = 20


def milliseconds(catalog: Catalog, record: ImageRecord) -> float:
    """CPU time of a read."""
    begin = time.process_time()
    read_reduced(catalog, record)
    return 1000 * (time.process_time() - begin)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photograph", type=Path, metavar="FILE")
    file = parser.parse_args().photograph
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="bes-reading-") as folder:
        root = Path(folder)
        if file is None:
            small = Image.fromarray(rng.integers(0, 256, (75, 100, 3), np.uint8))
        else:
            small = Image.open(file).convert("RGB")
        pixels = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
        pixels += rng.integers(-8, 9, pixels.shape, np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "a.jpg", quality=90)
        megabytes = (root / "a.jpg").stat().st_size / 1e6
        digest = digest_file(root / "a.jpg") or ""
        record = ImageRecord("a", "a.jpg", *SIZE, (), "train", digest)
        plain, cache = Catalog(root, (), ()), Catalog(root, (), (), cache=root / "cache")
        whole = np.median([milliseconds(plain, record) for _ in range(5)])
        first = milliseconds(cache, record)
        later = np.median([milliseconds(cache, record) for _ in range(READS)])
        (kept,) = (root / "cache").iterdir()
        print(f"{SIZE[0]}x{SIZE[1]} pixels, JPEG of {megabytes:.1f} MB, CPU ms")
        print(f"decoded and reduced          {whole:8.1f}")
        print(f"first read, with writing     {first:8.1f}")
        print(f"later reads, median of {READS}    {later:8.1f} (at most {MOST:g})")
        print(f"ratio {whole / later:.0f}; {kept.stat().st_size / 1e6:.1f} MB are kept")
    return int(later > MOST)


if __name__ == "__main__":
    sys.exit(main())
