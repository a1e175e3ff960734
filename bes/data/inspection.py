"""Every photograph and mask decoded once: sizes, digests, label indices, and what is wrong."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bes.data.folder import Collected, Entry
from bes.data.manifest import Catalog, ImageRecord
from bes.data.mask_numbers import advice, voc_numbers
from bes.engine.files import digest_bytes
from bes.errors import BesError

FACTS = frozenset({"stamp", "size", "digest", "present"})
"""What is remembered of a file."""


def read_facts(path: Path) -> dict[str, Any]:
    """What an earlier run found out: file -> its facts; empty where nothing can be read."""
    try:
        known = json.loads(path.read_bytes())
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
        stat = os.stat(catalog.root / path)
        stamps[path] = [stat.st_size, stat.st_mtime_ns]

    def fresh(path: str, check: dict[str, Any]) -> bool:
        return known.get(path, {}).get("stamp") == [*stamps[path], check]

    photographs = [entry.photograph for entry in found.entries]
    checks: dict[str, dict[str, Any]] = {path: {"photograph": True} for path in photographs}
    # The same file may be both, and must be right as both.
    for entry in found.entries:
        checks.setdefault(entry.mask, {})["values"] = list(catalog.mask_values)
        checks.setdefault(entry.correction, {})["classes"] = list(catalog.classes)
    checks.pop("", None)
    facts = {path: known[path] for path, check in checks.items() if fresh(path, check)}
    todo = [path for path in checks if path not in facts]
    strange = []
    for path, fact in zip(todo, _look(catalog, todo, checks, threads), strict=True):
        if "problem" in fact:
            strange += [len(found.problems)] if fact["strange"] else []
            found.problems.append(fact["problem"])
        else:
            facts[path] = fact | {"stamp": [*stamps[path], checks[path]]}
    if strange and not found.values_given:
        found.problems[strange[-1]] += f"; {advice(catalog.classes)}"
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
    found.problems += _strange_corrections(catalog, records, facts)
    if not found.problems:
        _compare_masks(catalog, found, records, facts)
    known.clear()
    known.update(facts)
    return records, len(set(todo).intersection(photographs))


def _compare_masks(
    catalog: Catalog, found: Collected, records: list[ImageRecord], facts: dict[str, Any]
) -> None:
    """Count masks with classes that the labels do not name; a problem where they are VOC's."""
    masks = [(r, set(facts[r.mask]["present"])) for r in records if r.mask]
    foreign = sum(not present.issubset(catalog.indices(r)) for r, present in masks)
    if not foreign:
        return
    words = f"{foreign} of {len(masks)} masks hold a class that the labels do not name"
    voc = () if found.values_given else voc_numbers(catalog.classes)
    if voc and all(present <= {voc[i - 1] for i in catalog.indices(r)} for r, present in masks):
        found.problems.append(
            f"{catalog.root}: {words}, and none if they have PASCAL VOC's numbers; "
            + advice(catalog.classes)
        )
    else:
        found.notes.append(
            f"{words}; if that is unexpected, give `classes` with their values in the masks"
        )


def _strange_corrections(
    catalog: Catalog, records: list[ImageRecord], facts: dict[str, Any]
) -> list[str]:
    """What is wrong with corrections that hold another class than the labels of their photograph
    name."""
    problems = []
    for record in [record for record in records if record.correction]:
        indices = catalog.indices(record)
        expected = ", ".join(f"{index} {catalog.classes[index - 1]}" for index in indices)
        problems += [
            f"{catalog.root / record.correction}: found the label {index} "
            f"({catalog.classes[index - 1]}), expected 0, 255 or a class that the label table "
            f"names for {record.id!r}: {expected or 'none'}"
            for index in facts[record.correction]["present"]
            if index not in indices
        ]
    return problems


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
    catalog: Catalog, paths: list[str], checks: dict[str, dict[str, Any]], threads: int
) -> Iterable[dict[str, Any]]:
    """Decode each file whole: its size, digest and, of labels, indices; or its problem, and whether
    that is a strange mask value."""
    if not paths:
        return []
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from bes.data.images import decode_mask, decode_photograph, read_bytes
    from bes.data.truth import UnknownMaskValue, check_indices, to_indices

    def look(path: str) -> dict[str, Any]:
        file = catalog.root / path
        try:
            content = read_bytes(file)
            if "photograph" in checks[path]:
                pixels, present = decode_photograph(content, file), []
            else:
                mask = pixels = decode_mask(content, file)
                if "values" in checks[path]:
                    pixels = to_indices(mask, catalog.mask_values, file)
                if "classes" in checks[path]:
                    pixels = mask
                    check_indices(pixels, catalog.classes, file)
                counts = np.bincount(pixels.ravel(), minlength=256)
                present = (np.flatnonzero(counts[1:255]) + 1).tolist()
        except BesError as error:
            return {"problem": str(error), "strange": isinstance(error, UnknownMaskValue)}
        height, width = pixels.shape[:2]
        return {"size": [width, height], "digest": digest_bytes(content), "present": present}

    print(f"dataset: {len(paths)} files to check", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(look, paths))


def dimensions(size: Iterable[int]) -> str:
    """Width and height in words: `500x375`."""
    return "x".join(map(str, size))
