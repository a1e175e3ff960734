"""How large the page is and how fast it opens: `python benchmarks/report.py RESULTS --images 600`.

RESULTS is a finished experiment, such as `results/voc12/base`; run it where the workflow ran. Its
training photographs are repeated under other names until there are as many as asked for. Needs
Chromium.
"""

import argparse
import dataclasses
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from bes.data.manifest import read_catalog, read_manifest, write_dataset
from bes.incremental.stage import image_file, per_image_stages
from bes.incremental.whole import run_whole
from bes.stages.report import STAGE, ReportOptions
from bes.storage.layout import receipt_file
from bes.storage.receipts import write_receipt


def repeat(results: Path, images: int, work: Path) -> dict[str, Path]:
    """Write a dataset of so many training photographs, with links to their files; its folders."""
    folders = {stage: results / stage for stage in STAGE.reads} | {
        stage: work / stage for stage in ("dataset", *per_image_stages())
    }
    records = [r for r in read_manifest(results / "dataset" / "images.csv") if r.split == "train"]
    repeated = []
    for number in range(images):
        record = records[number % len(records)]
        name = record.id + "+" * (number // len(records))
        repeated.append(dataclasses.replace(record, id=name))
        for stage in per_image_stages():
            link = image_file(stage, folders[stage], name)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(image_file(stage, (results / stage).resolve(), record.id), link)
    write_dataset(
        folders["dataset"],
        records=repeated,
        catalog=read_catalog(results / "dataset" / "classes.json"),
        shards=1,
    )
    for stage in per_image_stages():
        files = {image_file(stage, folders[stage], record.id).name: "" for record in repeated}
        write_receipt(receipt_file(folders[stage], "000"), files)
    return folders


def opening_times(page: Path, repeats: int) -> list[tuple[float, float]]:
    """Seconds until DOMContentLoaded and load, each time in a fresh browser."""
    times = []
    with sync_playwright() as playwright:
        for _ in range(repeats):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            tab = browser.new_page(viewport={"width": 1400, "height": 1000})
            tab.goto(page.as_uri(), wait_until="load")
            entry = tab.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
            times.append((entry["domContentLoadedEventEnd"] / 1000, entry["loadEventEnd"] / 1000))
            browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folders = repeat(args.results, args.images, Path(work))
        out = Path(work) / "report"
        start = time.perf_counter()
        run_whole(
            STAGE,
            options=ReportOptions(images=args.images),
            dataset=folders.pop("dataset"),
            folders=folders,
            out=out,
            threads=args.threads,
        )
        print(f"made in {time.perf_counter() - start:.1f} s")
        files = [path for path in (out / "page").rglob("*") if path.is_file()]
        total = sum(path.stat().st_size for path in files)
        print(f"{total / 1e6:.1f} MB in {len(files)} files, for {args.images} photographs")
        for folder in sorted((out / "page" / "pictures").iterdir()):
            size = statistics.mean(path.stat().st_size for path in folder.iterdir())
            print(f"  {folder.name}: {size / 1e3:.1f} KB each")
        print(f"  index.html: {(out / 'page' / 'index.html').stat().st_size / 1e3:.0f} KB")
        times = opening_times(out / "page" / "index.html", args.repeats)
        for name, values in zip(
            ("DOMContentLoaded", "load"), zip(*times, strict=True), strict=True
        ):
            print(f"{name}: median {statistics.median(values):.2f} s, slowest {max(values):.2f} s")


if __name__ == "__main__":
    main()
