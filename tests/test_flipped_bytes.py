"""A stage that computes holds every result it reads against the receipt that vouches for it."""

import re
from pathlib import Path
from typing import Any

import pytest
from finished import RESULTS, SHARDS, all_receipts, flip, project, shard_of_image

from bes.data.manifest import read_manifest
from bes.errors import BesError
from bes.incremental.per_image import run_per_image
from bes.incremental.stage import NoOptions, image_file, is_per_image, stage_of
from bes.incremental.whole import run_whole
from bes.storage.layout import memo_file, receipt_file, whole_memo, whole_receipt

pytestmark = pytest.mark.usefixtures("finished")
BASE = RESULTS / "base"
READ = {
    "evaluation": ("cams", "revised_maps", "pseudo_labels"),
    "quality": ("boundary_maps", "revised_maps", "pseudo_labels"),
    "pseudo_labels": ("revised_maps",),
    "tables": ("evaluation",),
    "boundary_scores": ("boundary_maps", "cams", "pseudo_labels"),
}


def compute(stage: str) -> None:
    """Run a stage as if it had never run."""
    done, out = project(), BASE / stage
    options = NoOptions() if stage == "tables" else done.experiments["base"].options[stage]
    folders = {name: BASE / name for name in READ[stage]}
    read: dict[str, Any] = {"dataset": BASE / "dataset", "folders": folders, "out": out}
    read |= {"options": options, "threads": 1}
    if is_per_image(stage):
        for shard in SHARDS:
            receipt_file(out, shard).unlink()
            memo_file(out, shard).unlink()
        run_per_image(stage_of(stage), shards=list(SHARDS), device="cpu", **read)
    else:
        whole_receipt(out).unlink(missing_ok=True)
        whole_memo(out).unlink(missing_ok=True)
        run_whole(stage_of(stage), **read)


def read_file(source: str) -> tuple[Path, Path]:
    """A file that is read of a stage, and the receipt that vouches for it."""
    if not is_per_image(source):
        return BASE / source / "scores.json", whole_receipt(BASE / source)
    records = read_manifest(BASE / "dataset/images.csv")
    image = next(record.id for record in records if record.split == "train" and record.mask)
    return (
        image_file(source, BASE / source, image),
        receipt_file(BASE / source, shard_of_image(image)),
    )


@pytest.mark.parametrize(
    ("stage", "source"), [(stage, source) for stage, read in READ.items() for source in read]
)
def test_a_flipped_byte_of_what_a_stage_reads_ends_it_and_voids_the_receipt(
    stage: str, source: str
) -> None:
    file, receipt = read_file(source)
    before, others = file.stat(), set(all_receipts()) - {receipt}
    flip(file)
    after = file.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    with pytest.raises(BesError, match=f"^{re.escape(str(file))}: found other bytes"):
        compute(stage)
    left = set(all_receipts())
    assert receipt not in left
    # Another shard of the stage may have been whole.
    assert receipt_file(BASE / stage, receipt.stem if is_per_image(stage) else "whole") not in left
    assert {path for path in others if path.parent.parent != BASE / stage} <= left


@pytest.mark.parametrize("stage", [stage for stage in READ if stage != "boundary_scores"])
def test_from_files_as_they_were_written_a_stage_computes_what_it_did(stage: str) -> None:
    files = [
        path
        for path in sorted((BASE / stage).rglob("*"))
        if path.is_file() and not path.relative_to(BASE / stage).parts[0].startswith("_")
    ]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    compute(stage)
    assert before and {path: path.read_bytes() for path in files} == before
