"""Runs a per-image stage over a shard: only what changed, whole files, a receipt at the end."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bes.data.manifest import (
    ImageRecord,
    read_catalog,
    read_manifest,
    shards_folder,
)
from bes.errors import BesError
from bes.incremental.device import acquire_device
from bes.incremental.inputs import Reader, files_of, inputs_of, options_digest, vouchers_of
from bes.incremental.journal import journal_file, start_run
from bes.incremental.outside import (
    FILES,
    OutsideFile,
    check_files,
    check_source,
    notes_file,
    outside_files,
)
from bes.incremental.stage import PerImageStage, Sources, image_file
from bes.storage.files import digest_bytes, digest_file, write_atomic
from bes.storage.layout import memo_file, receipt_file
from bes.storage.lock import locked
from bes.storage.log import begin_log, say_idle
from bes.storage.memo import MEMO, Entry, Memo, differences, digest_of
from bes.storage.pool import forked_map, limit_threads
from bes.storage.progress import Progress
from bes.storage.receipts import model_digest, read_receipt, write_receipt
from bes.storage.vouched import Voucher, vouched

BEGAN = "when this job began"


@dataclass(frozen=True)
class Plan:
    """What a shard consists of, and which of it is out of date and why."""

    records: list[ImageRecord]
    common: dict[str, str]
    """What all files of the shard are to be computed from."""
    origins: dict[str, dict[str, str]]
    """Image -> what its file is to be computed from."""
    reasons: dict[str, list[str]]
    """Image that is out of date -> what changed; `missing` and `damaged` speak of the file, `memo`
    says that nothing is known of how it was made."""
    outside: dict[str, OutsideFile]
    """Image -> its file from outside, where the stage reads such files."""


def plan_shard(
    stage: PerImageStage,
    *,
    options: Any,
    code: str,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    shard: str,
    memo: Memo,
) -> Plan:
    """Compare what a shard's files were computed from with what they should be computed from.

    Raises BesError if an input is missing.
    """
    catalog = read_catalog(dataset / "classes.json")
    records = read_manifest(shards_folder(dataset, held_out=stage.held_out) / f"{shard}.csv")
    common = {"options": options_digest(options), "code": code}
    if model := stage.model_of(options):
        common[model] = model_digest(folders[model])
    reads = [*stage.reads, *(name for name in stage.reads_if_there if name in folders)]
    upstream = {name: read_receipt(receipt_file(folders[name], shard)) for name in reads}
    outside: dict[str, OutsideFile] = {}
    if stage.from_files(options):
        outside = outside_files(stage, options, records, notes_file(out, shard))
        if len(outside) < len(records):
            # Of all photographs: a message about one shard would be followed by another.
            every = read_manifest(dataset / "images.csv")
            check_files(stage, options, [r for r in every if r.held_out == stage.held_out])
    origins, reasons = {}, {}
    for record in records:
        origin = common | {"labels": digest_of(catalog.indices(record))}
        if stage.photograph:
            origin["photograph"] = record.digest
            if reading := catalog.reading(record):
                origin["reading"] = digest_of(reading)
        if stage.correction and record.correction:
            origin["correction"] = record.correction_digest
        if stage.from_files(options):
            origin[FILES] = outside[record.id].digest if record.id in outside else ""
        for name, files in upstream.items():
            digest = files.get(image_file(name, folders[name], record.id).name)
            if digest is None:
                raise BesError(
                    f"{receipt_file(folders[name], shard)}: found no file of {record.id}, expected "
                    f"one of every photograph in shard {shard}; run `bes {name}` first"
                )
            origin[name] = digest
        origins[record.id] = origin
        entry = memo.entries.get(record.id)
        found = digest_file(image_file(stage.name, out, record.id))
        if found is None:
            reasons[record.id] = ["missing"]
        elif entry is None:
            reasons[record.id] = [MEMO]
        elif entry.origin != origin:
            reasons[record.id] = differences(entry.origin, origin)
        elif entry.file != found:
            reasons[record.id] = ["damaged"]
    return Plan(records, common, origins, reasons, outside)


def run_per_image(
    stage: PerImageStage,
    *,
    options: Any,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    shards: list[str],
    threads: int,
    device: str,
    code: str | None = None,
) -> None:
    """Bring the files of some shards up to date and write their receipts.

    A file is left alone if it is intact and was computed from the same inputs, options, network and
    code. Raises BesError for unusable inputs; what was finished before stays finished.
    """
    if stage.files:
        check_source(stage, options)
    catalog = read_catalog(dataset / "classes.json")
    code = code or stage.code()
    for shard in shards:
        with locked(memo_file(out, shard).with_suffix(".lock")):
            memo, receipt = Memo(memo_file(out, shard)), receipt_file(out, shard)
            read = {"options": options, "code": code, "dataset": dataset, "folders": folders}
            inputs = inputs_of(stage, **read, out=out, shard=shard, reader=Reader(keep=True))
            plan = plan_shard(stage, **read, out=out, shard=shard, memo=memo)
            todo = [record for record in plan.records if record.id in plan.reasons]
            count = f"{stage.name} {shard}: {len(todo)} of {len(plan.records)} to do"
            if todo:
                begin_log()
                print(count, file=sys.stderr, flush=True)
                if stage.from_files(options) and (missing := len(plan.records) - len(plan.outside)):
                    print(f"{stage.name} {shard}: {missing} have no file", file=sys.stderr)
                # Nobody vouches for files half of which are older than what they come from.
                receipt.unlink(missing_ok=True)
                record_run = start_run()
                # One image a core beats one image on all cores, and gives the same bytes however
                # many. Before a device is looked for: that may import torch, which settles its
                # threads then.
                limit_threads(1)
                on_device = stage.on_device and not stage.from_files(options)
                used = acquire_device(device) if on_device else "cpu"
                files = plan.outside
                sources = Sources(
                    catalog, folders, used, {image: file.path for image, file in files.items()}
                )
                progress = Progress(f"{stage.name} {shard}", len(todo), unit="images")
                known = [*vouchers_of(folders, [shard]), *files_of(catalog, todo)]
                known += [
                    Voucher(file.path.parent, {file.path.name: file.digest}, since=BEGAN)
                    for file in files.values()
                ]
                with vouched(known):
                    for record, content in _contents(stage, options, sources, todo, threads):
                        write_atomic(image_file(stage.name, out, record.id), content)
                        memo.add(record.id, Entry(plan.origins[record.id], digest_bytes(content)))
                        progress.step()
                record_run(
                    journal_file(out, shard),
                    origin=digest_of(plan.common),
                    options=options,
                    code=code,
                    images=len(todo),
                    threads=threads,
                    device=used,
                )
            else:
                say_idle(count)
            memo.compact()
            write_receipt(
                receipt,
                {
                    image_file(stage.name, out, record.id).name: memo.entries[record.id].file
                    for record in plan.records
                },
                inputs,
                durable=bool(todo),
                options=asdict(options),
            )


def _contents(
    stage: PerImageStage, options: Any, sources: Sources, todo: list[ImageRecord], threads: int
) -> Iterator[tuple[ImageRecord, bytes]]:
    """Compute the files in order. CPU: a process for each thread; GPU: threads, one network."""
    threads = min(threads, len(todo))
    compute = stage.prepare(options, sources)
    if sources.device == "cpu":
        yield from zip(todo, forked_map(compute, todo, processes=threads), strict=True)
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as executor:
            yield from zip(todo, executor.map(compute, todo), strict=True)
