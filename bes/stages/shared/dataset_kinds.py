"""The kinds of datasets: their options, where their files lie, and how each is collected."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from bes.data.corrections import CORRECTIONS, SCRIBBLES, has_corrections
from bes.data.file_names import SUFFIXES
from bes.data.folder import Collected, Layout, collect
from bes.data.manifest import MAX_PIXELS
from bes.data.review import REVIEW, has_review
from bes.data.stamps import Stamps, look_at
from bes.data.synthetic import CLASSES, generate
from bes.errors import BesError
from bes.options.declared import Range
from bes.training.schedule import SEED

if TYPE_CHECKING:
    from bes.data.download import Archive


READ = SUFFIXES | {".xml", ".mat"}
"""Endings of the files in folders that any kind of dataset reads."""
PUBLISHED = {"voc12": ("train", "sbd_masks"), "coco14": ()}
"""The kinds that have a module of their name in `bes/data` -> the options that they have beside
`root` and `download`."""


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
    """Folder of pseudo labels corrected by hand, PNGs with the numbers of the pseudo labels, each
    of which takes the place of the one computed; `corrections` may come later (default: none)."""
    review: str | None = None
    """Table of `bes review`, a CSV with the columns image,verdict: photographs with the verdict
    `rejected` are in no export, and the segmenter does not learn them; `review.csv` may come later
    (default: none)."""
    train: str | None = None
    """List of training images, one a line (default: `ImageSets/Segmentation/train.txt` if it
    exists, else all; of `voc12`, the 10,582 of VOC and SBD)."""
    val: str | None = None
    """List of validation images (default: `ImageSets/Segmentation/val.txt` if it exists)."""
    test: str | None = None
    """Folder of photographs without labels, searched with its subfolders, that a segmentation
    network is to be applied to (default: none)."""
    classes: tuple[str, ...] = ()
    """Class names in index order, each with its value in the masks if that is not its position, as
    `cat=8` (default: those of the table, in alphabetical order)."""
    download: bool = False
    """Download what is missing of `voc12` or `coco14` to the root."""
    sbd_masks: bool = False
    """Score with SBD's masks too, of `voc12`, where VOC has none for a training image; they are
    written to `SegmentationClassAug` below the root."""
    max_pixels: Annotated[int, Range(10_000, 100_000_000)] = MAX_PIXELS
    """Larger photographs are reduced to this many pixels, and their pseudo labels enlarged to full
    size."""
    bit_depth: Annotated[int, Range(9, 16)] = 16
    """Bits in use of photographs with 16 bits a channel: 12 where a camera writes 0 to 4095."""
    images: Annotated[int, Range(2, 100_000)] = 250
    """Scenes to draw, of `synthetic`; a fifth is for validation."""
    size: Annotated[tuple[int, int], Range(32, 4096)] = (160, 208)
    """Height and width of a scene, pixels, of `synthetic`."""
    seed: Annotated[int, SEED] = 0
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
        return _below(root, given) if given else ""

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
        corrections=corrections_of(options) or (CORRECTIONS if photographs != CORRECTIONS else ""),
        train=part("train", "ImageSets/Segmentation/train.txt", ""),
        val=part("val", "ImageSets/Segmentation/val.txt", ""),
        test=part("test", "", ""),
        reviewed=(_below(root, options.review or REVIEW), SCRIBBLES),
    )


def corrections_of(options: DatasetOptions) -> str:
    """The folder of the corrections relative to the root; empty: there is none."""
    return _below(Path(options.root), options.corrections) if options.corrections else ""


def _below(root: Path, given: str) -> str:
    """A path relative to the root, also where the whole path was given; as it is if it leads
    elsewhere."""
    relative = os.path.relpath(root / given, root)
    return os.path.normpath(given) if relative.startswith("..") else relative


def stamp_of(options: DatasetOptions) -> Stamps:
    """The state of the files that the dataset is read from, as far as it shows without reading.

    Files that are no pictures do not count in a folder of pictures.
    """
    parts, root = sources(options), Path(options.root)
    if options.corrections and has_corrections(root, corrections_of(options)):
        parts.append(corrections_of(options))
    if options.review and has_review(root, options.review):
        parts.append(_below(root, options.review))
    return look_at(root, parts, READ)


def sources(options: DatasetOptions) -> list[str]:
    """The files and folders that the dataset is read from, relative to the root."""
    root = Path(options.root)
    check_kind(options)
    if _missing(options):
        return []  # the job will download them
    if options.kind in PUBLISHED:
        return _module(options).sources(root, **_own(options))
    if options.kind == "synthetic" and not root.is_dir():
        return []  # the job will draw them
    layout = layout_of(options)
    pictures = (layout.photographs, layout.masks, layout.test)
    parts = (*pictures, layout.labels, layout.train, layout.val)
    return list(dict.fromkeys(part for part in parts if part))


def holds_out(options: DatasetOptions) -> bool:
    """Whether some photographs are kept from the training, as far as the options tell."""
    if options.kind != "folder" or not Path(options.root).is_dir():
        return True
    layout = layout_of(options)
    return bool(layout.val or layout.test)


def _missing(options: DatasetOptions) -> "tuple[Archive, ...]":
    """The archives to download."""
    if not options.download:
        return ()
    return _module(options).missing(Path(options.root), **_own(options))


def _module(options: DatasetOptions) -> ModuleType:
    """That of a published dataset."""
    from bes.data import coco14, voc12

    return {"voc12": voc12, "coco14": coco14}[options.kind]


def _own(options: DatasetOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in PUBLISHED[options.kind]}


def check_kind(options: DatasetOptions) -> None:
    """Raises BesError for an option that another kind of dataset has."""
    foreign: tuple[str, ...] = ("download", "sbd_masks")
    if options.kind in PUBLISHED:
        some = ("photographs", "labels", "masks", "val", "test", "classes", "train", "sbd_masks")
        foreign = tuple(name for name in some if name not in PUBLISHED[options.kind])
    for name in foreign:
        if getattr(options, name) != getattr(DatasetOptions, name):
            raise BesError(
                f"dataset.{name}: found {getattr(options, name)!r}, expected it left out with "
                f"`kind: {options.kind}`"
            )


def provide_files(options: DatasetOptions) -> None:
    """Draw or download the files that are not there yet, where that is asked for."""
    root = Path(options.root)
    if options.kind == "synthetic":
        generate(root, images=options.images, size=options.size, seed=options.seed)
    if archives := _missing(options):
        from bes.data.download import provide

        provide(archives, root)


def collect_kind(options: DatasetOptions, threads: int) -> Collected:
    """What is in the dataset, by its kind."""
    if options.kind in PUBLISHED:
        root = Path(options.root)
        return _module(options).collect(root, **_own(options), threads=threads)
    drawn = CLASSES if options.kind == "synthetic" else ()
    return collect(layout_of(options), options.classes or drawn)
