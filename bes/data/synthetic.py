"""The demo dataset: synthetic photographs with masks, in the layout of PASCAL VOC."""

import io
import json
from pathlib import Path

from bes.errors import BesError
from bes.storage.code_digest import code_digest
from bes.storage.files import write_atomic, write_if_changed

CLASSES = ("checks", "stripes", "dots", "rings", "waves")
"""In the order of `scenes.PATTERNS`; the mask value of a class is its position + 1."""

_STAMP = "synthetic.json"


def generate(root: Path, *, images: int, size: tuple[int, ...], seed: int) -> None:
    """Write `images` scenes of `size` (height, width) below `root`, a fifth of them as split val.

    The files are `JPEGImages/*.jpg`, `SegmentationClass/*.png`, `labels.csv` and
    `ImageSets/Segmentation/{train,val}.txt`. Scene i depends on the seed, the size and i alone.
    Does nothing if just these scenes are there already.

    Raises BesError if the folder holds files that were not made here, or for a size of other than
    two numbers.
    """
    if len(size) != 2:
        raise BesError(f"dataset.size: found {len(size)} numbers, expected height and width")
    stamp = {
        "images": images,
        "size": list(size),
        "seed": seed,
        "code": code_digest(__name__),
    }
    names = [f"scene_{index:05d}" for index in range(images)]
    found = _read_stamp(root)
    if found == stamp | {"complete": True} and _all_there(root, names):
        return
    # An unfinished stamp comes first, so that a run after a crash knows the files as its own.
    write_atomic(root / _STAMP, _to_json(stamp | {"complete": False}))
    _write_scenes(root, names, size=size, seed=seed)
    write_atomic(root / _STAMP, _to_json(stamp | {"complete": True}))


def _read_stamp(root: Path) -> dict | None:
    """What was generated here before, or None in a new or empty folder."""
    try:
        return json.loads((root / _STAMP).read_text(encoding="utf-8"))
    except FileNotFoundError:
        # The stamp comes first; a run that was killed then left it under its temporary name.
        if root.is_dir() and any(not p.name.startswith(f".{_STAMP}") for p in root.iterdir()):
            raise BesError(
                f"{root}: holds files that `bes dataset` did not generate, "
                "expected a new or empty folder for the synthetic photographs"
            ) from None
        return None
    except (OSError, ValueError) as error:
        raise BesError(
            f"{root / _STAMP}: cannot be read ({error}), expected what `bes dataset` wrote there"
        ) from None


def _to_json(stamp: dict) -> bytes:
    return (json.dumps(stamp, indent=1) + "\n").encode()


def _all_there(root: Path, names: list[str]) -> bool:
    files = [
        root / "labels.csv",
        root / "ImageSets" / "Segmentation" / "train.txt",
        root / "ImageSets" / "Segmentation" / "val.txt",
        *(root / "JPEGImages" / f"{name}.jpg" for name in names),
        *(root / "SegmentationClass" / f"{name}.png" for name in names),
    ]
    return all(file.is_file() for file in files)


def _write_scenes(root: Path, names: list[str], *, size: tuple[int, ...], seed: int) -> None:
    # Imported here: a run that finds its scenes in place needs none of it.
    import numpy as np
    from PIL import Image

    from bes.data.images import encode_labels
    from bes.data.scenes import render_scene

    rows = ["image,labels"]
    for index, name in enumerate(names):
        photograph, mask = render_scene(seed, index, (size[0], size[1]))
        content = io.BytesIO()
        Image.fromarray(photograph).save(content, "JPEG", quality=92)
        write_if_changed(root / "JPEGImages" / f"{name}.jpg", content.getvalue())
        write_if_changed(root / "SegmentationClass" / f"{name}.png", encode_labels(mask))
        present = [CLASSES[value - 1] for value in np.unique(mask) if 0 < value < 255]
        rows.append(f"{name}.jpg,{' '.join(present)}")
    lists = root / "ImageSets" / "Segmentation"
    val = [name for index, name in enumerate(names) if index % 5 == 4]
    train = [name for index, name in enumerate(names) if index % 5 != 4]
    write_if_changed(lists / "train.txt", _to_lines(train))
    write_if_changed(lists / "val.txt", _to_lines(val))
    write_if_changed(root / "labels.csv", _to_lines(rows))


def _to_lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
