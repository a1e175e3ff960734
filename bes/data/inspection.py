"""Every photograph and mask decoded once: sizes, digests, label indices, and what is wrong."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bes.data.file_names import stamp
from bes.data.folder import Collected, Entry
from bes.data.manifest import Catalog, ImageRecord
from bes.data.pixel_notes import dark_notes, mask_notes, void_masks
from bes.engine.files import digest_bytes
from bes.engine.sealed import read_sealed
from bes.errors import BesError

FACTS = frozenset({"stamp", "size", "digest", "present", "bits"})
"""What is remembered of a file."""


def read_facts(path: Path) -> dict[str, Any]:
    """What an earlier run found out: file -> its facts; empty where nothing can be read."""
    try:
        known = read_sealed(path)
        return {file: facts for file, facts in known.items() if facts.keys() >= FACTS}
    # Whatever is wrong with it, all files are looked at again.
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def inspect_files(
    catalog: Catalog, found: Collected, known: dict[str, Any], threads: int
) -> tuple[list[ImageRecord], int]:
    """The records of all entries without fault, and how many photographs had to be decoded.

    Problems with files are added to `found`.
    """
    stamps: dict[str, list[int]] = {}
    for path in [
        p for entry in found.entries for p in (entry.photograph, entry.mask, entry.correction) if p
    ]:
        stamps[path] = stamp(os.stat(catalog.root / path))
    values = list(catalog.mask_values)

    def fresh(path: str, check: dict[str, Any]) -> bool:
        return known.get(path, {}).get("stamp") == [*stamps[path], check]

    photographs = [entry.photograph for entry in found.entries]
    masks = [p for entry in found.entries for p in (entry.mask, entry.correction) if p]
    checks = {path: {"photograph": True} for path in photographs} | {
        path: {"values": values} for path in masks
    }
    facts = {path: known[path] for path, check in checks.items() if fresh(path, check)}
    todo = [path for path in checks if path not in facts]
    for path, fact in zip(todo, _look(catalog, todo, set(photographs), threads), strict=True):
        if "problem" in fact:
            found.problems.append(fact["problem"])
        else:
            facts[path] = fact | {"stamp": [*stamps[path], checks[path]]}
    records = []
    for entry in found.entries:
        photograph = facts.get(entry.photograph)
        labels = {path: facts.get(path) for path in (entry.mask, entry.correction) if path}
        if photograph is None or None in labels.values():
            continue
        found.problems += [
            f"{catalog.root / path}: found a mask of {dimensions(fact['size'])} pixels, expected "
            f"{dimensions(photograph['size'])} like {entry.photograph} as it is displayed"
            for path, fact in labels.items()
            if fact and fact["size"] != photograph["size"]
        ]
        records.append(_record(entry, facts))
    if not found.problems:
        present = {path: fact["present"] for path, fact in facts.items()}
        found.problems += void_masks(catalog, records, present)
        found.notes += mask_notes(catalog, records, present)
        found.notes += dark_notes([facts[record.path]["bits"] for record in records])
    known.clear()
    known.update(facts)
    return records, len(set(todo).intersection(photographs))


def _record(entry: Entry, facts: dict[str, dict[str, Any]]) -> ImageRecord:
    width, height = facts[entry.photograph]["size"]
    return ImageRecord(
        id=entry.id,
        path=entry.photograph,
        width=width,
        height=height,
        labels=entry.labels,
        split=entry.split,
        digest=facts[entry.photograph]["digest"],
        mask=entry.mask,
        mask_digest=facts[entry.mask]["digest"] if entry.mask else "",
        correction=entry.correction,
        correction_digest=facts[entry.correction]["digest"] if entry.correction else "",
    )


def _look(
    catalog: Catalog, paths: list[str], photographs: set[str], threads: int
) -> Iterable[dict[str, Any]]:
    """Decode each file whole: its size and digest, of masks the label indices with 255 for void, of
    photographs with 16 bits a channel the bits in use; or its problem."""
    if not paths:
        return []
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from bes.data.images import bits_of, decode_mask, decode_photograph, read_bytes
    from bes.data.truth import to_indices

    def look(path: str) -> dict[str, Any]:
        file = catalog.root / path
        try:
            content = read_bytes(file)
            present, bits = [], None
            if path in photographs:
                pixels, bits = decode_photograph(content, file), bits_of(content)
            else:
                pixels = to_indices(decode_mask(content, file), catalog.mask_values, file)
                counts = np.bincount(pixels.ravel(), minlength=256)
                present = (np.flatnonzero(counts[1:]) + 1).tolist()
        except BesError as error:
            return {"problem": str(error)}
        height, width = pixels.shape[:2]
        return {
            "size": [width, height],
            "digest": digest_bytes(content),
            "present": present,
            "bits": bits,
        }

    print(f"dataset: {len(paths)} files to check", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(look, paths))


def dimensions(size: Iterable[int]) -> str:
    """Width and height in words: `500x375`."""
    return "x".join(map(str, size))
