"""PASCAL VOC 2012 with SBD: 10,582 photographs to train on, labels from the boxes."""

import hashlib
from pathlib import Path
from xml.etree import ElementTree

from bes.data.download import Archive
from bes.data.folder import VOC_CLASSES, Collected, Entry
from bes.data.names import clean
from bes.data.text_files import read_lines
from bes.errors import BesError
from bes.storage.pool import limit_threads

# The addresses and checksums of torchvision's VOCSegmentation and SBDataset, restated because
# importing torchvision imports PyTorch.
ARCHIVES = (
    Archive(
        "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        ("VOCdevkit/VOC2012",),
    ),
    Archive(
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/"
        "benchmark.tgz",
        "82b4d87ceb2ed10f6038a1cba92111cb",
        ("benchmark_RELEASE/dataset",),
    ),
)
LISTS = "ImageSets/Segmentation"
VOC = (("VOCdevkit/VOC2012", "VOC2012", "."), f"{LISTS}/train.txt")
SBD = (("benchmark_RELEASE/dataset", "SBD", "sbd"), "train.txt")
"""Folders below the root, any of them, and a file that is in it."""
SBD_MASKS = "SegmentationClassAug"
"""Below the root: what was converted from SBD."""

TRAIN_AUG_SIZE = 10_582
TRAIN_AUG_DIGEST = "d1326bd532648d73bc4b1bd275434eba81930982dc7401a65a8cecb26c028e24"
"""SHA-256 of the sorted ids, one a line."""


def sources(root: Path, *, train: str | None, sbd_masks: bool) -> list[str]:
    """The files and folders that the dataset is read from, relative to the root.

    Raises BesError if there is no VOC 2012, or no SBD where it is needed.
    """
    voc = voc_folder(root)
    parts = [f"{voc}/{name}" for name in ("JPEGImages", "Annotations", "SegmentationClass")]
    parts += [f"{voc}/{LISTS}/{name}.txt" for name in ("train", "val", "test")]
    if train is None or sbd_masks:
        sbd = sbd_folder(root)
        parts += [f"{sbd}/train.txt", f"{sbd}/val.txt"] if train is None else []
        parts += [f"{sbd}/cls", SBD_MASKS] if sbd_masks else []
    parts += [train] if train is not None else []
    return [part.removeprefix("./") for part in parts if (root / part).exists()]


def missing(root: Path, *, train: str | None, sbd_masks: bool) -> tuple[Archive, ...]:
    """The archives of what is needed and lies at none of its places."""
    voc, sbd = ARCHIVES
    needs_sbd = train is None or sbd_masks
    return (() if _find(root, VOC) else (voc,)) + (
        () if not needs_sbd or _find(root, SBD) else (sbd,)
    )


def voc_folder(root: Path) -> str:
    """Where VOC 2012 lies, relative to the root; raises BesError if it does not."""
    return _first(root, VOC, "PASCAL VOC 2012")


def sbd_folder(root: Path) -> str:
    """Where SBD lies, relative to the root; raises BesError if it does not."""
    return _first(root, SBD, "SBD")


def _find(root: Path, places: tuple[tuple[str, ...], str]) -> str | None:
    folders, file = places
    return next((folder for folder in folders if (root / folder / file).is_file()), None)


def _first(root: Path, places: tuple[tuple[str, ...], str], what: str) -> str:
    folder = _find(root, places)
    if folder is None:
        raise BesError(
            f"dataset.root: found no {what} in {root}, expected {places[0][0]}/{places[1]} there, "
            "or `download: true`"
        )
    return folder


def collect(root: Path, *, train: str | None, sbd_masks: bool, threads: int) -> Collected:
    """Match lists, annotations, photographs and masks of VOC 2012 and SBD.

    `train`, relative to the root, lists the training images; without it they are those of VOC's
    and SBD's lists that are not in VOC's val. With `sbd_masks` those without a mask of VOC's have
    SBD's, converted to PNGs first.

    Raises BesError where a list or an SBD mask cannot be read or the training set is not the known
    one; all other problems are collected.
    """
    voc = voc_folder(root)
    found = Collected(classes=VOC_CLASSES, mask_values=tuple(range(1, len(VOC_CLASSES) + 1)))
    photographs = {path.stem for path in (root / voc / "JPEGImages").glob("*.jpg")}
    splits = _splits(root, voc, train)
    if splits["test"] and photographs.isdisjoint(splits["test"]):
        found.notes.append(f"{len(splits.pop('test'))} test images have no photographs, left out")
    masks = {
        path.stem: f"{voc}/SegmentationClass/{path.name}"
        for path in (root / voc / "SegmentationClass").glob("*.png")
    }
    if sbd_masks:
        without = [image for image in splits["train"] if image not in masks]
        _convert(without, root / sbd_folder(root) / "cls", root / SBD_MASKS, threads)
        masks |= {image: f"{SBD_MASKS}/{image}.png" for image in without}
    seen: set[str] = set()
    for split, image in [(split, image) for split, images in splits.items() for image in images]:
        if image in seen:
            found.problems.append(
                f"{root / voc / LISTS}: found {image!r} in {split} again, expected each image "
                "once, in one list"
            )
        elif image not in photographs:
            found.problems.append(
                f"{root / voc / 'JPEGImages' / image}.jpg: no such photograph, expected one of the "
                f"{split} list"
            )
        else:
            labels: tuple[str, ...] = ()
            if split != "test":  # whose boxes are not published
                labels = _labels(root / voc / "Annotations" / f"{image}.xml", found.problems)
            paths = [f"{voc}/JPEGImages/{image}.jpg", masks.get(image, "")]
            photograph, mask = (path.removeprefix("./") for path in paths)
            found.entries.append(Entry(image, photograph, labels, split, mask))
        seen.add(image)
    if rest := len(photographs - seen):
        found.notes.append(f"{rest} photographs in no list, left out")
    with_mask = sum(image in masks for image in splits["train"])
    found.notes.append(
        f"{with_mask} of {len(splits['train'])} training photographs have a mask, for scores alone"
    )
    return found


def _splits(root: Path, voc: str, train: str | None) -> dict[str, list[str]]:
    """The images of train, val and test; of test none where there is no list."""
    lists = root / voc / LISTS
    splits = {"train": [], "val": read_ids(lists / "val.txt"), "test": []}
    if train is not None:
        splits["train"] = read_ids(root / train)
    else:
        sbd = root / sbd_folder(root)
        listed = (lists / "train.txt", sbd / "train.txt", sbd / "val.txt")
        splits["train"] = train_aug(*map(read_ids, listed), without=splits["val"])
        _check_train_aug(splits["train"])
    if (lists / "test.txt").exists():
        splits["test"] = read_ids(lists / "test.txt")
    return splits


def _convert(images: list[str], source: Path, target: Path, threads: int) -> None:
    """SBD's masks of these images as PNGs; those that are there already are kept."""
    limit_threads(1)
    from bes.data.drawn_masks import write_missing
    from bes.data.sbd import read_segmentation

    write_missing(
        {image: target / f"{image}.png" for image in images},
        lambda image: read_segmentation(source / f"{image}.mat"),
        processes=threads,
    )


def read_ids(path: Path) -> list[str]:
    """The images of a list with one a line: an id, or a path whose name is the id; further columns
    are ignored. Raises BesError if it cannot be read."""
    lines = map(clean, read_lines(path, "a list of images"))
    return [Path(line.split()[0]).stem for line in lines if line]


def train_aug(*lists: list[str], without: list[str]) -> list[str]:
    """The images of the lists of VOC's train and of all of SBD, sorted, without those of VOC's
    val."""
    return sorted({image for images in lists for image in images}.difference(without))


def _check_train_aug(images: list[str]) -> None:
    digest = hashlib.sha256("".join(f"{image}\n" for image in images).encode()).hexdigest()
    if digest != TRAIN_AUG_DIGEST:
        raise BesError(
            f"VOC 2012 and SBD: found {len(images)} training images with the SHA-256 {digest}, "
            f"expected {TRAIN_AUG_SIZE} with {TRAIN_AUG_DIGEST}; for another training set give its "
            "list as `dataset.train`"
        )


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a DOCTYPE, without which a file can declare no entities."""

    def doctype(self, *_: object) -> None:
        raise ValueError("found a DOCTYPE")


def _labels(path: Path, problems: list[str]) -> tuple[str, ...]:
    """The classes of the boxes of an annotation, difficult ones included, in index order."""
    try:
        annotation = ElementTree.parse(path, ElementTree.XMLParser(target=_NoDoctype())).getroot()
    # LookupError: an encoding that Python does not know.
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        problems.append(f"{path}: cannot be read ({error}), expected an annotation")
        return ()
    # The parts of an object (head, hand, foot) have names too.
    names = {clean(item.findtext("name", "")) for item in annotation.findall("object")}
    problems += [
        f"{path}: found an object of class {name!r}, expected one of {', '.join(VOC_CLASSES)}"
        for name in sorted(names.difference(VOC_CLASSES))
    ]
    return tuple(name for name in VOC_CLASSES if name in names)
