"""Times files that are written durably, on the disk before they have their name, against others.

Run as `python benchmarks/durable_writes.py [FOLDER]`; the folder, by default the working directory,
says on which file system. What is written is removed.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from bes.storage.files import write_atomic

SIZES = {"receipt, 10 kB": 10_000, "label, 3 kB": 3_000, "checkpoint, 100 MB": 100_000_000}
REPEATS = 20


def main() -> None:
    content = {name: bytes(size) for name, size in SIZES.items()}
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else ".") as folder:
        for name in SIZES:
            medians = []
            for durable in (False, True):
                times = []
                for number in range(REPEATS):
                    begin = time.perf_counter()
                    write_atomic(Path(folder, str(number % 2)), content[name], durable=durable)
                    times.append(time.perf_counter() - begin)
                medians.append(statistics.median(times) * 1000)
            print(f"{name:<20}{medians[0]:10.2f} ms{medians[1]:10.2f} ms durable")


if __name__ == "__main__":
    main()
