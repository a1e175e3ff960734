"""Stage `dataset`: read photographs and labels, check all of them, write the manifest."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bes.data.class_notes import class_notes
from bes.data.corrections import add_corrections
from bes.data.folder import Collected
from bes.data.inspection import inspect_files, read_facts
from bes.data.manifest import ACCEPTED_TABLE, Catalog, ImageRecord, write_dataset
from bes.data.review import ACCEPTED, Verdict, add_review, review_csv
from bes.data.stamps import write_stamps
from bes.data.summary import print_details, print_summary
from bes.errors import BesError
from bes.incremental.journal import journal_file, start_run
from bes.incremental.stage import Stage
from bes.stages.shared.dataset_kinds import (
    PUBLISHED,
    DatasetOptions,
    check_kind,
    collect_kind,
    corrections_of,
    provide_files,
    stamp_of,
)
from bes.storage.files import digest_bytes, write_if_changed
from bes.storage.layout import whole_receipt
from bes.storage.log import begin_log
from bes.storage.memo import digest_of
from bes.storage.receipts import write_receipt
from bes.storage.sealed import write_sealed


def run_dataset(options: DatasetOptions, *, out: Path, shards: int, threads: int) -> None:
    """Write `images.csv`, `classes.json`, `shards/*.csv` and `accepted.csv`, and print a summary.

    Every photograph and mask is decoded once, and again only when its size or date changed. Raises
    BesError that lists every problem; nothing is written then.
    """
    begin_log()
    record_run = start_run()
    whole_receipt(out).unlink(missing_ok=True)
    check_kind(options)
    provide_files(options)
    # Before anything is read: a file that changes while it is read has changed for the next run.
    stamp = stamp_of(options)
    memo = facts_file(out)
    known = read_facts(memo)
    dataset = _read(options, known, threads, out)
    dataset.raise_problems()
    write_sealed(memo, known)
    files = write_dataset(out, records=dataset.records, catalog=dataset.catalog, shards=shards)
    write_if_changed(_left_out_file(out), str(dataset.left_out).encode())
    files[ACCEPTED_TABLE] = _write_accepted(out / ACCEPTED_TABLE, dataset.accepted)
    # Masks that were drawn from a public dataset's objects are no change to act upon either.
    drawn = options.kind in PUBLISHED
    write_stamps(
        stamp_file(out),
        Path(options.root),
        stamp_of(options) if drawn else stamp,
        lambda path: known.get(path, {}).get("digest"),
    )
    write_receipt(whole_receipt(out), files, dataset_inputs(options, shards))
    record_run(
        journal_file(out, "once"),
        origin=digest_of(asdict(options)),
        options=options,
        code=STAGE.code(),
        images=dataset.looked_at,
        threads=threads,
    )
    print_summary(dataset.catalog, dataset.records, dataset.notes)


def _write_accepted(path: Path, accepted: dict[str, str]) -> str:
    """Write the table, if it is another one; returns its digest."""
    rows = (Verdict(image, ACCEPTED, digest=digest) for image, digest in accepted.items())
    content = review_csv(rows).encode()
    write_if_changed(path, content)
    return digest_bytes(content)


def dataset_inputs(options: DatasetOptions, shards: int) -> dict[str, str]:
    """What the manifest depends on beside the files of the dataset: name -> digest."""
    return {
        "options": digest_of(asdict(options)),
        "shards": str(shards),
        "code": STAGE.code(),
    }


def facts_file(out: Path) -> Path:
    """What is known of each photograph and mask."""
    return out / "_memo" / "files.json"


def stamp_file(out: Path) -> Path:
    """The sizes, dates and digests of the files that the dataset was read from."""
    return out / "_memo" / "stamps.json"


def _left_out_file(out: Path) -> Path:
    return out / "_memo" / "left_out.txt"


def left_out_of(out: Path) -> int:
    """How many photographs lay there and took no part when the dataset was read; 0 if that is not
    known."""
    try:
        return int(_left_out_file(out).read_text())
    except (OSError, ValueError):
        return 0


def check_dataset(options: DatasetOptions, *, threads: int) -> tuple[Catalog, list[ImageRecord]]:
    """Read everything, write nothing, and print a longer summary of what is usable.

    Raises BesError that lists every problem.
    """
    check_kind(options)
    dataset = _read(options, {}, threads, Path("results"))
    if dataset.records:
        print_summary(dataset.catalog, dataset.records, dataset.notes)
        print_details(dataset.catalog, dataset.records)
    dataset.raise_problems()
    return dataset.catalog, dataset.records


@dataclass
class _Dataset:
    """What was read."""

    catalog: Catalog
    records: list[ImageRecord]
    problems: list[str]
    notes: list[str]
    accepted: dict[str, str]
    left_out: int
    """See `Collected` for these two."""
    looked_at: int
    """Photographs that had to be decoded."""

    def raise_problems(self) -> None:
        """Raise BesError with all of them, if there are any."""
        if self.problems:
            count = len(self.problems)
            heading = [f"{count} problems in the dataset:"] if count > 1 else []
            raise BesError("\n".join(heading + self.problems))


def _read(options: DatasetOptions, known: dict[str, Any], threads: int, results: Path) -> _Dataset:
    """Read the dataset; `known` is what is known of its files, and is brought up to date.

    `results` is where, or beside what, the results will lie.
    """
    root = Path(options.root)
    found = collect_kind(options, threads)
    if options.corrections:
        add_corrections(found, root, corrections_of(options))
    if options.review:
        add_review(found, root, options.review)
    learned = [entry.labels for entry in found.entries if entry.split == "train"]
    found.notes += class_notes(found.classes, (name for labels in learned for name in labels))
    found.problems += names_too_long(found, root, results)
    catalog = Catalog(root, found.classes, found.mask_values, options.max_pixels, options.bit_depth)
    records, looked_at = inspect_files(catalog, found, known, threads)
    return _Dataset(
        catalog, records, found.problems, found.notes, found.accepted, found.left_out, looked_at
    )


LONGEST_ENDING = len(".webp")
"""Of the files that a photograph gives its name."""


def names_too_long(found: Collected, root: Path, results: Path) -> list[str]:
    """A sentence for each photograph whose results could not have its name.

    The limit is that of the file system of the folder `results`, which need not be there yet.
    """
    there = next(path for path in (results, *results.absolute().parents) if path.exists())
    limit = os.pathconf(there, "PC_NAME_MAX") - LONGEST_ENDING
    return [
        f"{root / entry.photograph}: found a name of {length} bytes without its ending, expected "
        f"at most {limit}, so that its results can have names on the file system of {there}"
        for entry in found.entries
        if (length := len(os.fsencode(entry.id))) > limit
    ]


STAGE = Stage(name="dataset", options=DatasetOptions)
