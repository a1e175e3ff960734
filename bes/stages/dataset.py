"""Stage `dataset`: read photographs and labels, check all of them, write the manifest."""

import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from bes.data.corrections import add_corrections, check_corrections
from bes.data.folder import Collected, Entry, Layout, collect, files_below
from bes.data.manifest import MAX_PIXELS, Catalog, ImageRecord, write_dataset
from bes.data.synthetic import CLASSES, generate
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_bytes, write_atomic, write_if_changed
from bes.engine.journal import journal_file, start_run
from bes.engine.memo import digest_of
from bes.engine.options import Range
from bes.errors import BesError

if TYPE_CHECKING:
    from bes.data.download import Archive


@dataclass(frozen=True)
class DatasetOptions:
    """Options of the dataset."""

    kind: Literal["folder", "voc12", "coco14", "synthetic"] = "folder"
    """`folder`: photographs, label table, optional masks and lists; `voc12`: PASCAL VOC 2012 with
    SBD; `coco14`: COCO 2014; `synthetic`: scenes drawn for the demo."""
    root: str = "data/photographs"
    """The folder that all other paths start from; of `synthetic`, the folder to draw into."""
    photographs: str | None = None
    """Folder of the photographs, searched with its subfolders (default: `JPEGImages` if it exists,
    else the root)."""
    labels: str = "labels.csv"
    """CSV with the columns image,labels, the labels separated by spaces, or, where names have
    spaces, by semicolons or (in a quoted field) commas; or JSON lines (`.jsonl`) with these keys;
    or `cls_labels.npy` (`.npy`); or the folder that holds a folder of photographs for each
    class."""
    masks: str | None = None
    """Folder of masks, PNGs named like the photographs (default: `SegmentationClass` if it exists).
    They are for scores alone."""
    corrections: str | None = None
    """Folder of pseudo labels corrected by hand, PNGs like the masks, each of which takes the place
    of the label computed (default: none)."""
    train: str | None = None
    """List of training images, one a line (default: `ImageSets/Segmentation/train.txt` if it
    exists, else all; of `voc12`, the 10,582 of VOC and SBD)."""
    val: str | None = None
    """List of validation images (default: `ImageSets/Segmentation/val.txt` if it exists)."""
    classes: tuple[str, ...] = ()
    """Class names in index order, each with its value in the masks if that is not its position, as
    `cat=8` (default: those of the table; VOC's values if all are VOC's)."""
    download: bool = False
    """Download what is missing of `voc12` or `coco14` to the root."""
    sbd_masks: bool = False
    """Score with SBD's masks too, of `voc12`, where VOC has none for a training image; they are
    written to `SegmentationClassAug` below the root."""
    max_pixels: Annotated[int, Range(10_000)] = MAX_PIXELS
    """Larger photographs are reduced to this many pixels, and their pseudo labels enlarged to full
    size."""
    images: Annotated[int, Range(2)] = 250
    """Scenes to draw, of `synthetic`; a fifth is for validation."""
    size: Annotated[tuple[int, int], Range(32)] = (160, 208)
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

    labels = part("labels", "", "")
    photographs = part("photographs", "JPEGImages", ".")
    if (root / labels).is_dir():
        if options.photographs is not None and photographs != labels:
            raise BesError(
                f"dataset.photographs: found {options.photographs!r} beside the folder {labels!r} "
                "as dataset.labels, expected one of the two; the photographs are in the folders of "
                "the classes"
            )
        photographs = labels
    return Layout(
        root=root,
        photographs=photographs,
        labels=labels,
        masks=part("masks", "SegmentationClass", ""),
        corrections=_corrections(options),
        train=part("train", "ImageSets/Segmentation/train.txt", ""),
        val=part("val", "ImageSets/Segmentation/val.txt", ""),
    )


def _corrections(options: DatasetOptions) -> str:
    return os.path.normpath(options.corrections) if options.corrections else ""


def write_sources(folder: Path, options: DatasetOptions) -> None:
    """Write down which files the dataset has, for Snakemake to notice a change.

    A line for each part: its place, how many files it has, and a digest of their paths, sizes and
    dates; for files of 1 MB and more Snakemake would look at the date alone. Written only if it
    differs; reads no file, so that it can be done at every start.
    """
    root = Path(options.root)
    lines = []
    parts = _sources(options)
    if options.corrections:
        check_corrections(root, _corrections(options))
        parts.append(_corrections(options))
    for part in parts:
        files = (
            files_below(root, part) if (root / part).is_dir() else [(part, os.stat(root / part))]
        )
        stamps = [f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}" for path, stat in files]
        digest = digest_bytes("\n".join(stamps).encode())
        lines.append(f"{part}\t{len(stamps)}\t{digest}\n")
    write_if_changed(folder / "_sources.tsv", "".join(lines).encode())


def _sources(options: DatasetOptions) -> list[str]:
    """The files and folders that the dataset is read from, relative to the root."""
    root = Path(options.root)
    _check_kind(options)
    if _missing(options):
        return []  # the job will download them
    match options.kind:
        case "voc12":
            from bes.data import voc12

            return voc12.sources(root, train=options.train, sbd_masks=options.sbd_masks)
        case "coco14":
            from bes.data import coco14

            return coco14.sources(root)
        case "folder":
            layout = layout_of(options)
            parts = (layout.photographs, layout.masks, layout.labels, layout.train, layout.val)
            return list(dict.fromkeys(part for part in parts if part))
    return []


def _missing(options: DatasetOptions) -> "tuple[Archive, ...]":
    """The archives to download."""
    if not options.download:
        return ()
    from bes.data import coco14, voc12

    root = Path(options.root)
    if options.kind == "voc12":
        return voc12.missing(root, train=options.train, sbd_masks=options.sbd_masks)
    return coco14.missing(root)


def _check_kind(options: DatasetOptions) -> None:
    """Raises BesError for an option that another kind of dataset has."""
    published = ("photographs", "labels", "masks", "val", "classes")
    foreign = {
        "voc12": published,
        "coco14": (*published, "train", "sbd_masks"),
    }.get(options.kind, ("download", "sbd_masks"))
    for name in foreign:
        if getattr(options, name) != getattr(DatasetOptions, name):
            raise BesError(
                f"dataset.{name}: found {getattr(options, name)!r}, expected it left out with "
                f"`kind: {options.kind}`"
            )


def _provide(options: DatasetOptions) -> None:
    """Draw or download the files that are not there yet, where that is asked for."""
    root = Path(options.root)
    if options.kind == "synthetic":
        generate(root, images=options.images, size=options.size, seed=options.seed)
    if archives := _missing(options):
        from bes.data.download import provide

        provide(archives, root)


def _collect(options: DatasetOptions, threads: int) -> Collected:
    """What is in the dataset, by its kind."""
    root = Path(options.root)
    match options.kind:
        case "voc12":
            from bes.data import voc12

            return voc12.collect(
                root, train=options.train, sbd_masks=options.sbd_masks, threads=threads
            )
        case "coco14":
            from bes.data import coco14

            return coco14.collect(root, threads=threads)
        case "synthetic":
            return collect(layout_of(options), options.classes or CLASSES)
    return collect(layout_of(options), options.classes)


def run_dataset(options: DatasetOptions, *, out: Path, shards: int, threads: int) -> None:
    """Write `images.csv`, `classes.json` and `shards/*.csv`, and print a summary.

    Every photograph and mask is decoded once, and again only when its size or date changed. Raises
    BesError that lists every problem; nothing is written then.
    """
    record_run = start_run()
    _check_kind(options)
    _provide(options)
    memo = out / "_memo" / "files.json"
    known = _read_memo(memo)
    dataset = _read(options, known, threads)
    dataset.raise_problems()
    write_atomic(memo, json.dumps(known).encode())
    if options.kind in ("voc12", "coco14"):
        # What this job downloaded or drew is no change that the next run should act upon.
        write_sources(out, options)
    write_dataset(out, records=dataset.records, catalog=dataset.catalog, shards=shards)
    record_run(
        journal_file(out, "once"),
        origin=digest_of(asdict(options)),
        options=options,
        code=code_digest(__name__),
        images=dataset.looked_at,
        threads=threads,
    )
    _print_summary(dataset)


def check_dataset(options: DatasetOptions, *, threads: int) -> None:
    """Read everything, write nothing, and print a longer summary of what is usable.

    Raises BesError that lists every problem.
    """
    _check_kind(options)
    dataset = _read(options, {}, threads)
    if dataset.records:
        _print_summary(dataset)
        _print_details(dataset)
    dataset.raise_problems()


FACTS = frozenset({"stamp", "size", "digest", "present"})
"""What is remembered of a file."""


@dataclass
class _Dataset:
    """What was read."""

    catalog: Catalog
    records: list[ImageRecord]
    problems: list[str]
    notes: list[str]
    looked_at: int
    """Photographs that had to be decoded."""

    def raise_problems(self) -> None:
        """Raise BesError with all of them, if there are any."""
        if self.problems:
            count = len(self.problems)
            heading = [f"{count} problems in the dataset:"] if count > 1 else []
            raise BesError("\n".join(heading + self.problems))


def _read(options: DatasetOptions, known: dict[str, Any], threads: int) -> _Dataset:
    """Read the dataset; `known` is what is known of its files, and is brought up to date."""
    root = Path(options.root)
    found = _collect(options, threads)
    if options.corrections:
        add_corrections(found, root, _corrections(options))
    catalog = Catalog(root, found.classes, found.mask_values, options.max_pixels)
    records, looked_at = _inspect(catalog, found, known, threads)
    return _Dataset(catalog, records, found.problems, found.notes, looked_at)


def _read_memo(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_bytes())
        return {file: facts for file, facts in known.items() if facts.keys() >= FACTS}
    # Whatever is wrong with it, all files are looked at again.
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _inspect(
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
            f"{catalog.root / path}: found a mask of {_by(fact['size'])} pixels, expected "
            f"{_by(photograph['size'])} like {entry.photograph} as it is displayed"
            for path, fact in labels.items()
            if fact and fact["size"] != photograph["size"]
        ]
        records.append(_record(entry, facts))
    for what, files in (
        ("masks", {record.mask: record for record in records}),
        ("corrections", {record.correction: record for record in records}),
    ):
        files.pop("", None)
        foreign = sum(
            not set(facts[path]["present"]).issubset(catalog.indices(record))
            for path, record in files.items()
            if not found.problems
        )
        if foreign:
            found.notes.append(
                f"{foreign} of {len(files)} {what} hold a class that the labels do not name; if "
                "that is unexpected, give `classes` with their values in the masks"
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


def _print_summary(dataset: _Dataset) -> None:
    catalog, records = dataset.catalog, dataset.records
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
    if corrected := sum(bool(record.correction) for record in records):
        say(f"corrections: {corrected}")
    sizes = sorted(
        (record.width * record.height, record.width, record.height) for record in records
    )
    say(f"sizes: {_by(sizes[0][1:])} to {_by(sizes[-1][1:])} pixels")
    large = [r for r in records if catalog.working_size(r) != (r.height, r.width)]
    if large:
        say(f"{len(large)} photographs of more than {catalog.max_pixels} pixels, computed at that")
    for note in dataset.notes:
        say(note)


def _print_details(dataset: _Dataset) -> None:
    """What is worth a look before a long run, and too long for the log of every run."""
    catalog, records = dataset.catalog, dataset.records
    endings = Counter(Path(record.path).suffix.lower() for record in records)
    print("endings: " + ", ".join(f"{n} {ending}" for ending, n in endings.most_common()))
    pixels = sorted(record.width * record.height for record in records)
    print(f"pixels of the middle one: {pixels[len(pixels) // 2] / 1e6:.2f} million")
    pairs = Counter(
        pair for record in records for pair in itertools.product(record.labels, repeat=2)
    )
    names = [f"{index} {name}" for index, name in enumerate(catalog.classes, 1)]
    width = max(map(len, names), default=0)
    column = max(len(str(count)) for count in [*pairs.values(), len(names)]) + 2
    print("photographs that show both classes:")
    print(" " * width + "".join(f"{index:>{column}}" for index in range(1, len(names) + 1)))
    for name, one in zip(names, catalog.classes, strict=True):
        counts = (pairs[one, other] or "-" for other in catalog.classes)
        print(f"{name:<{width}}" + "".join(f"{count:>{column}}" for count in counts))


def _by(size: Iterable[int]) -> str:
    return "x".join(map(str, size))
