"""Measures the memory of the evaluation at the size of COCO 2014, and what one changed label costs.

Run as `python benchmarks/evaluation_memory.py`: 82,081 photographs with 80 classes in 320 shards,
whose maps, labels and masks are stand-ins of a few pixels, at first a tenth of the photographs and
then all. The stage itself runs on them, in a process of its own each time. Exits with 1 where a
process takes more memory than its bound, or what was kept leads to other scores than counting all.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bes.data.images import encode_labels, encode_maps
from bes.data.manifest import (
    Catalog,
    ImageRecord,
    read_manifest,
    shards_folder,
    write_dataset,
)
from bes.incremental.inputs import shards_of
from bes.incremental.journal import read_runs
from bes.incremental.stage import image_file
from bes.storage.files import digest_bytes
from bes.storage.layout import receipt_file
from bes.storage.receipts import write_receipt

ROOT = Path(__file__).parents[1]
CLASSES = tuple(f"class{number:02}" for number in range(80))
SIZE = (24, 32)
STAND_INS = 500
"""Different contents, each of which many photographs share."""
MOST = 500
"""Megabytes of any process."""
STAGES = ("cams", "revised_maps", "pseudo_labels")


class Results:
    """A dataset and what the evaluation reads of it; files of one content are links to one."""

    def __init__(self, base: Path, *, photographs: int, shards: int) -> None:
        self.base, rng = base, np.random.default_rng(0)
        (base / "stand_ins").mkdir(parents=True)
        self.made = [self._make(rng, number) for number in range(STAND_INS)]
        records = []
        (base / "photographs").mkdir()
        for number in range(photographs):
            labels, digests = self.made[number % STAND_INS]
            name = f"COCO_train2014_{number:012}"
            mask = f"{name}.png"
            os.link(self._stand_in("mask", number), base / "photographs" / mask)
            present = tuple(CLASSES[label - 1] for label in labels)
            record = ImageRecord(
                name,
                f"{name}.jpg",
                height=SIZE[0],
                width=SIZE[1],
                labels=present,
                split="train",
                digest=digest_bytes(name.encode()),
                mask=mask,
                mask_digest=digests["mask"],
            )
            records.append(record)
        catalog = Catalog(base / "photographs", CLASSES, tuple(range(1, len(CLASSES) + 1)))
        write_dataset(base / "dataset", records=records, catalog=catalog, shards=shards)
        for stage in STAGES:
            (base / stage).mkdir()
            for number, record in enumerate(records):
                os.link(self._stand_in(stage, number), image_file(stage, base / stage, record.id))
            for shard in shards_of(base / "dataset"):
                self.vouch(stage, shard)

    def _stand_in(self, kind: str, number: int) -> Path:
        return self.base / "stand_ins" / f"{kind}{number % STAND_INS}"

    def _make(self, rng: np.random.Generator, number: int) -> tuple[list[int], dict[str, str]]:
        """Write a mask, maps and a label of up to five classes; their classes and digests."""
        count = int(rng.integers(1, 6))
        labels = sorted(1 + rng.choice(len(CLASSES), count, replace=False))
        cells = (count, SIZE[0] // 4, SIZE[1] // 4)
        truth, label = (
            np.kron(rng.choice([0, *labels], cells[1:]), np.ones((4, 4))).astype(np.uint8)
            for _ in range(2)
        )
        contents = {
            "mask": encode_labels(truth),
            "cams": encode_maps(rng.random(cells), labels, SIZE),
            "revised_maps": encode_maps(rng.random(cells), labels, SIZE),
            "pseudo_labels": encode_labels(label),
        }
        for kind, content in contents.items():
            self._stand_in(kind, number).write_bytes(content)
        return labels, {kind: digest_bytes(content) for kind, content in contents.items()}

    def vouch(self, stage: str, shard: str) -> None:
        """Write the receipt of a shard."""
        folder = self.base / stage
        table = shards_folder(self.base / "dataset", held_out=False) / f"{shard}.csv"
        files = {}
        for record in read_manifest(table):
            path = image_file(stage, folder, record.id)
            number = int(record.id.rpartition("_")[2])
            shared = path.stat().st_nlink > 1
            digests = self.made[number % STAND_INS][1]
            files[path.name] = digests[stage] if shared else digest_bytes(path.read_bytes())
        write_receipt(receipt_file(folder, shard), files, durable=False)

    def change_a_label(self) -> None:
        """Give a photograph another label."""
        shard = shards_of(self.base / "dataset")[0]
        table = shards_folder(self.base / "dataset", held_out=False) / f"{shard}.csv"
        record = read_manifest(table)[0]
        path = image_file("pseudo_labels", self.base / "pseudo_labels", record.id)
        path.unlink()
        path.write_bytes(encode_labels(np.zeros(SIZE, np.uint8)))
        self.vouch("pseudo_labels", shard)

    def evaluate(self, out: str, *, threads: int) -> tuple[float, float, float]:
        """Run the stage: wall and CPU seconds, and the peak memory of its largest process, MB."""
        read = [word for name in STAGES for word in (f"--{name}".replace("_", "-"), name)]
        words = ["evaluation", "--dataset", "dataset", *read, "--out", f"x/y/{out}"]
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "bes", *words, "--threads", str(threads)],
            cwd=self.base,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("bes evaluation failed")
        (run,) = read_runs(self.base / "x" / "y" / out)
        memory = max(run.memory, usage.ru_maxrss * 1024) / 1e6
        return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=int, default=82_081)
    parser.add_argument("--shards", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    short = 0
    print(f"{'photographs':<24}{'seconds':>9}{'CPU':>9}{'MB':>7} (at most {MOST})")
    for photographs in (args.photographs // 10, args.photographs):
        with tempfile.TemporaryDirectory(prefix="bes-evaluation-") as folder:
            results = Results(Path(folder) / "r", photographs=photographs, shards=args.shards)
            for what in (f"{photographs:,}", "  one label changed"):
                wall, cpu, memory = results.evaluate("evaluation", threads=args.threads)
                short += memory > MOST
                print(f"{what:<24}{wall:>9.1f}{cpu:>9.1f}{memory:>7.0f}", flush=True)
                if what[0] != " ":
                    results.change_a_label()
            if photographs < args.photographs:
                results.evaluate("anew", threads=args.threads)
                homes = [results.base / "x" / "y" / out for out in ("evaluation", "anew")]
                names = ("scores.json", "per_class.csv", "thresholds.csv")
                tables = [[(home / name).read_bytes() for name in names] for home in homes]
                short += tables[0] != tables[1]
                print(
                    f"  the tables {'differ' if tables[0] != tables[1] else 'are as counted anew'}"
                )
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
