"""Runs a training stage: not at all if nothing changed, from a checkpoint if interrupted."""

import contextlib
import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.incremental.device import acquire_device
from bes.incremental.inputs import files_of, inputs_of, options_digest, shards_of, vouchers_of
from bes.incremental.journal import journal_file, start_run
from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.storage.files import digest_file, write_atomic
from bes.storage.layout import model_file, model_receipt
from bes.storage.lock import locked
from bes.storage.log import begin_log, say_idle
from bes.storage.memo import MEMO, Entry, Memo, differences, digest_of
from bes.storage.pool import limit_threads
from bes.storage.receipts import model_digest, read_receipts, write_receipt
from bes.storage.vouched import vouched

METRICS = "metrics.csv"
KEPT = "_memo/trained.json"
"""What the receipt says beside the digests: it outlives the receipt."""

SETTINGS = frozenset({"options", "code", "classes", "missing", "damaged", MEMO})
"""Reasons to train that the policy `frozen` heeds."""


def run_training(
    stage: TrainingStage,
    *,
    options: Any,
    dataset: Path,
    folders: dict[str, Path],
    out: Path,
    policy: str,
    device: str,
    devices: int,
    threads: int,
    code: str | None = None,
) -> None:
    """Bring a network up to date.

    `policy` `auto` trains anew when anything changed; `frozen` keeps an intact network when only
    photographs or labels came, went or changed. Raises BesError for unusable inputs.
    """
    records = records_of(stage, dataset)
    catalog = read_catalog(dataset / "classes.json")
    code = code or stage.code()
    read = {"options": options, "code": code, "dataset": dataset, "folders": folders}
    inputs = inputs_of(stage, **read, out=out, policy=policy)
    origin = origin_of(stage, **read)
    measured_from = origin | held_out_origin(stage, dataset)
    # Processes that a distributed training starts run this again; the first speaks for all.
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    with locked(out / "_memo" / "train.lock") if first else contextlib.nullcontext():
        memo = training_memo(out)
        changed = reasons_to_train(out, origin, memo, policy) if first else ["distributed"]
        if not changed:
            kept = memo.entries[model_file(out).name].origin != origin
            if kept or memo.entries[KEPT].origin == measured_from:
                _vouch(out, memo, inputs)
                why = "kept, as the training policy is frozen" if kept else "up to date"
                say_idle(f"{stage.name}: {why}")
                return
        if first:
            begin_log(keep=True)
            why = f"changed since the last training: {', '.join(changed)}" if changed else ""
            print(f"{stage.name}: {why or 'up to date, and measured on other photographs'}")
            model_receipt(out).unlink(missing_ok=True)
        record_run = start_run()
        run = TrainingRun(
            catalog=catalog,
            records=records,
            folders=folders,
            out=out,
            identity=digest_of(origin),
            accelerator=acquire_device(device, count=devices),
            devices=devices,
            threads=threads,
        )
        if run.accelerator == "cpu":
            limit_threads(max(threads // devices, 1))
        with vouched([*vouchers_of(folders, shards_of(dataset)), *files_of(catalog, records)]):
            if changed:
                trained = stage.fit(options, run)
                if first:
                    _write(out, trained, memo, origin)
            if first:
                _measure(stage, options, run, memo, measured_from)
        if first:
            _vouch(out, memo, inputs)
            record_run(
                journal_file(out, "train"),
                origin=None,
                options=options,
                code=code,
                images=len(run.train_records),
                threads=threads,
                device=run.accelerator,
            )
            run.checkpoint.unlink(missing_ok=True)


def origin_of(
    stage: TrainingStage,
    *,
    options: Any,
    dataset: Path,
    folders: dict[str, Path],
    code: str | None = None,
) -> dict[str, str]:
    """Everything a network is a function of, by name; raises BesError if an input is missing."""
    catalog = read_catalog(dataset / "classes.json")
    records = records_of(stage, dataset)
    origin = {
        "options": options_digest(options),
        "code": code or stage.code(),
        "classes": digest_of(catalog.classes),
        "images": _digest_of_records(catalog, records, trained_on=True),
        **{name: digest_of(read_receipts(folders[name], dataset)) for name in stage.reads},
    }
    if model := stage.model_of(options):
        origin[model] = model_digest(folders[model])
    return origin


def records_of(stage: TrainingStage, dataset: Path) -> list[ImageRecord]:
    """The photographs that a training is shown."""
    records = read_manifest(dataset / "images.csv")
    return [r for r in records if not (stage.without_rejected and r.rejected)]


def held_out_origin(stage: TrainingStage, dataset: Path) -> dict[str, str]:
    """What else the figures of a network that is measured are a function of."""
    if stage.measure is None:
        return {}
    catalog = read_catalog(dataset / "classes.json")
    records = read_manifest(dataset / "images.csv")
    return {"held_out": _digest_of_records(catalog, records, trained_on=False)}


def _digest_of_records(catalog: Catalog, records: list[ImageRecord], *, trained_on: bool) -> str:
    return digest_of(
        [
            [r.id, r.digest, catalog.reading(r), r.split, catalog.indices(r)]
            for r in records
            if (r.split == "train") == trained_on
        ]
    )


def training_memo(out: Path) -> Memo:
    """What the network in a folder was trained from."""
    return Memo(out / "_memo" / "train.jsonl")


def reasons_to_train(
    out: Path, origin: dict[str, str], memo: Memo, policy: str = "auto"
) -> list[str]:
    """Names of what changed and is heeded by the policy; `missing` and `damaged` speak of the
    files, `memo` says that nothing is known of how they were made; empty: up to date, or kept."""
    for file in (model_file(out).name, METRICS):
        entry, found = memo.entries.get(file), digest_file(out / file)
        if found is None:
            return ["missing"]
        if entry is None:
            return [MEMO]
        if entry.file != found:
            return ["damaged"]
    kept = memo.entries.get(KEPT)
    if kept is None or kept.file != digest_file(out / KEPT):
        return [MEMO]
    changed = differences(memo.entries[model_file(out).name].origin, origin)
    return [] if policy == "frozen" and SETTINGS.isdisjoint(changed) else changed


def _write(out: Path, trained: Trained, memo: Memo, origin: dict[str, str]) -> None:
    """Write the network and the course of its training."""
    from bes.training.checkpoints import save_network

    save_network(model_file(out), trained.network, trained.settings)
    table = io.StringIO()
    writer = csv.DictWriter(table, ["iteration", *trained.history[0]], lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(trained.history, 1):
        writer.writerow({"iteration": number, **row})
    write_atomic(out / METRICS, table.getvalue().encode(), durable=True)
    for file in (model_file(out).name, METRICS):
        memo.add(file, Entry(origin, str(digest_file(out / file))))


def _measure(
    stage: TrainingStage, options: Any, run: TrainingRun, memo: Memo, origin: dict[str, str]
) -> None:
    """Measure the network in place; what rebuilds it and the figures are kept."""
    from bes.training.checkpoints import load_settings

    measured = stage.measure(options, run) if stage.measure else {}
    kept = json.dumps({"settings": load_settings(model_file(run.out)), "measured": measured})
    write_atomic(run.out / KEPT, kept.encode(), durable=True)
    memo.add(KEPT, Entry(origin, str(digest_file(run.out / KEPT))))
    memo.compact()


def _vouch(out: Path, memo: Memo, inputs: dict[str, str]) -> None:
    """Write the receipt of files that are in place."""
    files = {file: memo.entries[file].file for file in (model_file(out).name, METRICS)}
    write_receipt(model_receipt(out), files, inputs, **json.loads((out / KEPT).read_bytes()))
