"""Counts of the pixels of many masks; those of a shard are kept until something there changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from bes.data.manifest import ImageRecord, shard_name, shard_of
from bes.incremental.inputs import shards_of
from bes.incremental.parts import Parts
from bes.incremental.stage import WholeRun, image_file
from bes.stages.shared.label_counts import add_encoded, counter, encode_counts, no_counts
from bes.storage.code_digest import code_digest
from bes.storage.layout import cache_folder, receipt_file
from bes.storage.memo import digest_of
from bes.storage.pool import forked_map
from bes.storage.progress import Progress
from bes.storage.receipts import read_receipt

CHUNK = 16
"""Photographs that a process counts at a time."""


def counts_of(
    run: WholeRun,
    name: str,
    records: Sequence[ImageRecord],
    grids: Mapping[str, Sequence[float] | None],
) -> dict[str, Any]:
    """Stage -> the counts of its files against the masks of some photographs, all of which have
    one: of maps a `ThresholdCurve`, of labels a `ConfusionMatrix`.

    `grids` has the thresholds of a stage of maps, None of one of labels. What is counted is added
    up as it comes, so that memory does not grow with the photographs, and kept by shard under
    `name`: only shards in which something changed are read again.
    """
    shards: dict[str, list[ImageRecord]] = {}
    n_shards = len(shards_of(run.dataset))
    for record in records:
        shards.setdefault(shard_name(shard_of(record.id, n_shards)), []).append(record)
    parts = Parts(
        cache_folder(run.out) / name,
        ".npz",
        memo=run.out / "_memo" / f"{name}.jsonl",
        origins={
            f"{shard}_{stage}": _origin(run, stage, grid, shard, members)
            for shard, members in shards.items()
            for stage, grid in grids.items()
        },
    )
    totals: dict[str, Any] = {stage: no_counts(run.catalog, grid) for stage, grid in grids.items()}
    todo: dict[str, list[str]] = {}
    for shard in shards:
        for stage, total in totals.items():
            if (content := parts.read(f"{shard}_{stage}")) is None:
                todo.setdefault(shard, []).append(stage)
            else:
                add_encoded(total, content)
    chunks = [
        (shards[shard][start : start + CHUNK], stages)
        for shard, stages in todo.items()
        for start in range(0, len(shards[shard]), CHUNK)
    ]
    count = counter(run.catalog, run.folders, grids)
    found = forked_map(lambda chunk: count(*chunk), chunks, processes=run.threads)
    progress = Progress(f"evaluation {name}", len(chunks), unit="parts")
    for shard, stages in todo.items():
        of_shard: dict[str, Any] = {stage: no_counts(run.catalog, grids[stage]) for stage in stages}
        for _ in range(0, len(shards[shard]), CHUNK):
            for stage, counts in next(found).items():
                of_shard[stage] += counts
            progress.step()
        for stage, counts in of_shard.items():
            parts.write(f"{shard}_{stage}", encode_counts(counts))
            totals[stage] += counts
    parts.tidy()
    return totals


def _origin(
    run: WholeRun,
    stage: str,
    grid: Sequence[float] | None,
    shard: str,
    records: Sequence[ImageRecord],
) -> dict[str, str]:
    """What the counts of a stage in a shard are a function of, by name."""
    files = read_receipt(receipt_file(run.folders[stage], shard))
    names = [image_file(stage, run.folders[stage], record.id).name for record in records]
    return {
        "code": code_digest("bes.stages.shared.label_counts"),
        "thresholds": digest_of(grid),
        "mask_values": digest_of(run.catalog.mask_values),
        "masks": digest_of([[r.id, r.mask_digest, r.width, r.height] for r in records]),
        stage: digest_of([files.get(name) for name in names]),
    }
