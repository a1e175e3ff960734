"""Stage `dataset`: read photographs and labels, check all of them, write the manifest."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from bes.data.folder import Collected, Entry, Layout, collect, files_below
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.data.synthetic import CLASSES, generate
from bes.engine.files import digest_bytes, write_atomic, write_if_changed
from bes.engine.options import Range
from bes.errors import BesError


@dataclass(frozen=True)
class DatasetOptions:
    """Options of the dataset."""

    kind: Literal["folder", "synthetic"] = "folder"
    """`folder`: photographs, label table, optional masks and lists; `synthetic`: scenes drawn for
    the demo."""
    root: str = "data/photographs"
    """The folder that all other paths start from; of `synthetic`, the folder to draw into."""
    photographs: str | None = None
    """Folder of the photographs, searched with its subfolders (default: `JPEGImages` if it exists,
    else the root)."""
    labels: str = "labels.csv"
    """CSV with the columns image,labels; labels are separated by spaces, or, where names have
    spaces, by semicolons or (in a quoted field) commas."""
    masks: str | None = None
    """Folder of masks, PNGs named like the photographs (default: `SegmentationClass` if it exists).
    They are for scores alone."""
    train: str | None = None
    """List of training images, one a line (default: `ImageSets/Segmentation/train.txt` if it
    exists, else all)."""
    val: str | None = None
    """List of validation images (default: `ImageSets/Segmentation/val.txt` if it exists)."""
    classes: tuple[str, ...] = ()
    """Class names in index order, each with its value in the masks if that is not its position, as
    `cat=8` (default: those of the table; VOC's values if all are VOC's)."""
    images: Annotated[int, Range(2)] = 250
    """Scenes to draw, of `synthetic`; a fifth is for validation."""
    size: Annotated[tuple[int, ...], Range(32)] = (160, 208)
    """Height and width of a scene, pixels, of `synthetic`."""
    seed: Annotated[int, Range(0)] = 0
    """Seed of the scenes, of `synthetic`."""


def layout_of(options: DatasetOptions) -> Layout:
    """Where the parts lie; a part that is named must exist, a default may be missing."""
    root = Path(options.root)
    if not root.is_dir():
        raise BesError(
            f"dataset.root: found no folder {root}, expected the folder of the photographs"
        )

    def part(name: str, default: str, otherwise: str) -> str:
        given = getattr(options, name)
        if given is None:
            return default if (root / default).exists() else otherwise
        if given and not (root / given).exists():
            raise BesError(f"dataset.{name}: found nothing at {root / given}, expected it to exist")
        return os.path.normpath(given) if given else ""

    return Layout(
        root=root,
        photographs=part("photographs", "JPEGImages", "."),
        labels=part("labels", "", ""),
        masks=part("masks", "SegmentationClass", ""),
        train=part("train", "ImageSets/Segmentation/train.txt", ""),
        val=part("val", "ImageSets/Segmentation/val.txt", ""),
    )


def write_sources(folder: Path, options: DatasetOptions) -> None:
    """List the files of the dataset with size and date, for Snakemake to notice a change.

    Written only if it differs; reads no file, so that it can be done at every start.
    """
    lines = []
    if options.kind == "folder":
        layout = layout_of(options)
        for part in (layout.photographs, layout.masks, layout.labels, layout.train, layout.val):
            path = layout.root / part
            if part and path.is_dir():
                lines += [
                    f"{p}\t{s.st_size}\t{s.st_mtime_ns}" for p, s in files_below(layout.root, part)
                ]
            elif part:
                stat = path.stat()
                lines.append(f"{part}\t{stat.st_size}\t{stat.st_mtime_ns}")
    write_if_changed(folder / "_sources.tsv", "".join(f"{line}\n" for line in lines).encode())


def run_dataset(options: DatasetOptions, *, out: Path, shards: int, threads: int) -> None:
    """Write `images.csv`, `classes.json` and `shards/*.csv`, and print a summary.

    Every photograph and mask is decoded once, and again only when its size or date changed. Raises
    BesError that lists every problem; nothing is written then.
    """
    classes = options.classes
    if options.kind == "synthetic":
        generate(Path(options.root), images=options.images, size=options.size, seed=options.seed)
        classes = classes or CLASSES
    layout = layout_of(options)
    found = collect(layout, classes)
    catalog = Catalog(layout.root, found.classes, found.mask_values)
    records = _inspect(catalog, found, out / "_memo" / "files.json", threads)
    if found.problems:
        count = len(found.problems)
        heading = [f"{count} problems in the dataset:"] if count > 1 else []
        raise BesError("\n".join(heading + found.problems))
    write_dataset(out, records=records, catalog=catalog, shards=shards)
    _print_summary(catalog, records, found.notes)


def _inspect(catalog: Catalog, found: Collected, memo: Path, threads: int) -> list[ImageRecord]:
    """The records of all entries; problems with their files are added to `found`."""
    try:
        known: dict[str, dict[str, Any]] = json.loads(memo.read_bytes())
    except (FileNotFoundError, ValueError):
        known = {}
    stamps: dict[str, list[int]] = {}
    for path in [p for entry in found.entries for p in (entry.photograph, entry.mask) if p]:
        stat = os.stat(catalog.root / path)
        stamps[path] = [stat.st_size, stat.st_mtime_ns]
    values = list(catalog.mask_values)

    def fresh(path: str, check: dict[str, Any]) -> bool:
        return known.get(path, {}).get("stamp") == [*stamps[path], check]

    photographs = [entry.photograph for entry in found.entries]
    masks = [entry.mask for entry in found.entries if entry.mask]
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
        mask = facts.get(entry.mask)
        if photograph is None or (entry.mask and mask is None):
            continue
        if mask and mask["size"] != photograph["size"]:
            found.problems.append(
                f"{catalog.root / entry.mask}: found a mask of {_by(mask['size'])} pixels, "
                f"expected {_by(photograph['size'])} like {entry.photograph} as it is displayed"
            )
        records.append(_record(entry, photograph, mask))
    foreign = sum(
        not set(facts[record.mask]["present"]).issubset(catalog.indices(record))
        for record in records
        if record.mask and not found.problems
    )
    if foreign:
        found.notes.append(
            f"{foreign} of {len(masks)} masks hold a class that the labels do not name; if that is "
            "unexpected, give `classes` with their values in the masks"
        )
    if not found.problems:
        write_atomic(memo, json.dumps(facts).encode())
    return records


def _record(entry: Entry, photograph: dict[str, Any], mask: dict[str, Any] | None) -> ImageRecord:
    width, height = photograph["size"]
    return ImageRecord(
        id=entry.id,
        path=entry.photograph,
        width=width,
        height=height,
        labels=entry.labels,
        split=entry.split,
        digest=photograph["digest"],
        mask=entry.mask,
        mask_digest=mask["digest"] if mask else "",
    )


def _look(
    catalog: Catalog, paths: list[str], photographs: set[str], threads: int
) -> Iterable[dict[str, Any]]:
    """Decode each file whole: its size, digest and, of masks, label indices; or its problem."""
    if not paths:
        return []
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from bes.data.images import decode_mask, decode_photograph, read_bytes
    from bes.data.truth import to_indices

    def look(path: str) -> dict[str, Any]:
        file = catalog.root / path
        try:
            content = read_bytes(file)
            if path in photographs:
                pixels, present = decode_photograph(content, file), []
            else:
                pixels = to_indices(decode_mask(content, file), catalog.mask_values, file)
                counts = np.bincount(pixels.ravel(), minlength=256)
                present = (np.flatnonzero(counts[1:255]) + 1).tolist()
        except BesError as error:
            return {"problem": str(error)}
        height, width = pixels.shape[:2]
        return {"size": [width, height], "digest": digest_bytes(content), "present": present}

    print(f"dataset: {len(paths)} files to check", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(look, paths))


def _print_summary(catalog: Catalog, records: list[ImageRecord], notes: list[str]) -> None:
    splits = Counter(record.split for record in records)
    classes = Counter(
        label for record in records if record.split == "train" for label in record.labels
    )
    say: Callable[[str], None] = print
    say(f"{len(records)} photographs: " + ", ".join(f"{n} {s}" for s, n in sorted(splits.items())))
    say("training photographs of each class: ")
    for name, value in zip(catalog.classes, catalog.mask_values, strict=True):
        say(f"  {name} (mask value {value}): {classes[name]}")
    say(f"masks: {sum(bool(record.mask) for record in records)}")
    sizes = sorted(
        (record.width * record.height, record.width, record.height) for record in records
    )
    say(f"sizes: {_by(sizes[0][1:])} to {_by(sizes[-1][1:])} pixels")
    for note in notes:
        say(note)


def _by(size: Iterable[int]) -> str:
    return "x".join(map(str, size))
