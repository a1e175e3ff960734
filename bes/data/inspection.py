"""Every photograph and mask decoded once: sizes, digests, label indices, and what is wrong."""

import contextlib
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bes.data.file_names import stamp
from bes.data.folder import Collected, Entry
from bes.data.manifest import Catalog, ImageRecord
from bes.data.mask_numbers import advice
from bes.data.pixel_notes import (
    dark_notes,
    mask_notes,
    mask_problems,
    strange_corrections,
    twin_notes,
)
from bes.errors import BesError
from bes.storage.files import digest_bytes
from bes.storage.sealed import read_sealed
from bes.storage.words import counted

FACTS = frozenset({"stamp", "size", "digest", "present", "bits", "frames"})
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

    def fresh(path: str, check: dict[str, Any]) -> bool:
        return known.get(path, {}).get("stamp") == [*stamps[path], check]

    photographs = [entry.photograph for entry in found.entries]
    checks: dict[str, dict[str, Any]] = {
        path: {"photograph": catalog.bit_depth} for path in photographs
    }
    # The same file may be both, and must be right as both.
    for entry in found.entries:
        checks.setdefault(entry.mask, {})["values"] = list(catalog.mask_values)
        checks.setdefault(entry.correction, {})["classes"] = list(catalog.classes)
    checks.pop("", None)
    facts = {path: known[path] for path, check in checks.items() if fresh(path, check)}
    todo = [path for path in checks if path not in facts]
    strange = []
    for path, fact in zip(todo, _look(catalog, todo, checks, threads), strict=True):
        if "problem" in fact and fact["strange"] and not found.classes:
            continue  # the fault is that of the table, which is among the problems
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
    present = {path: fact["present"] for path, fact in facts.items()}
    found.problems += strange_corrections(catalog, records, present)
    if not found.problems:
        found.problems += mask_problems(catalog, records, present, declared=found.values_given)
    if not found.problems:
        found.notes += mask_notes(catalog, records, present)
        found.notes += twin_notes(records)
        found.notes += dark_notes(
            [facts[record.path]["bits"] for record in records], catalog.bit_depth
        )
        if several := [record.path for record in records if facts[record.path]["frames"] > 1]:
            found.notes.append(
                f"{counted(len(several), 'photograph')} with more pictures than one in the file, "
                f"such as {several[0]}: the first counts"
            )
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
        rejected=entry.rejected,
    )


def _look(
    catalog: Catalog, paths: list[str], checks: dict[str, dict[str, Any]], threads: int
) -> Iterable[dict[str, Any]]:
    """Decode each file whole: its size and digest, of labels the indices with 255 for void, of
    photographs the pictures in them, and with 16 bits a channel the bits in use; or its problem,
    and whether that is a strange mask value."""
    if not paths:
        return []
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from bes.data.images import bits_of, decode_mask, decode_photograph, read_bytes
    from bes.data.truth import UnknownMaskValue, check_indices, to_indices

    def look(path: str) -> dict[str, Any]:
        file = catalog.root / path
        try:
            content = read_bytes(file)
            present, bits, frames = [], None, 1
            if "photograph" in checks[path]:
                pixels, bits = decode_photograph(content, file, catalog.bit_depth), bits_of(content)
                frames = _frames_of(content)
            else:
                mask = pixels = decode_mask(content, file)
                if "values" in checks[path]:
                    pixels = to_indices(mask, catalog.mask_values, file)
                if "classes" in checks[path]:
                    pixels = mask
                    check_indices(pixels, catalog.classes, file)
                counts = np.bincount(pixels.ravel(), minlength=256)
                present = (np.flatnonzero(counts[1:]) + 1).tolist()
        except BesError as error:
            return {"problem": str(error), "strange": isinstance(error, UnknownMaskValue)}
        height, width = pixels.shape[:2]
        return {
            "size": [width, height],
            "digest": digest_bytes(content),
            "present": present,
            "bits": bits,
            "frames": frames,
        }

    print(f"dataset: {counted(len(paths), 'file')} to check", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(look, paths))


def _frames_of(content: bytes) -> int:
    """How many pictures are in the file of a photograph that can be read.

    Beside that of a JPEG there are but previews and depth maps.
    """
    from PIL import Image

    from bes.data.images import FORMATS

    with contextlib.suppress(Exception):  # whatever is wrong with the others
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        return 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    return 1


def dimensions(size: Iterable[int]) -> str:
    """Width and height in words: `500x375`."""
    return "x".join(map(str, size))
