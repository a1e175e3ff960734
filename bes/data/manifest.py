"""The manifest: one row per photograph, and its division into shards."""

import csv
import hashlib
import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path

from bes.data.spreadsheet import csv_text
from bes.errors import BesError
from bes.storage.files import digest_bytes, write_if_changed
from bes.storage.layout import cache_folder

MAX_SHARDS = 999
MAX_PIXELS = 500_000
"""All photographs of PASCAL VOC and MS COCO have fewer."""
BACKGROUND = "background"
"""What the label 0 is called."""
VOID = 255
"""The label of pixels that do not count."""
SPLITS = ("train", "val", "test")
ACCEPTED_TABLE = "accepted.csv"
"""Beside the manifest: which pseudo labels a person accepted; no result depends on it but the page,
which shows those first that nobody has dealt with."""
PHOTOGRAPHS = "_photographs"
"""The root of a dataset whose files came to another machine with its manifest, in the folder of
that."""


@dataclass(frozen=True)
class ImageRecord:
    """One photograph of the dataset; a row of `images.csv`."""

    id: str
    path: str
    """Relative to the dataset root."""
    width: int
    """As displayed, that is after the EXIF rotation; pixels."""
    height: int
    labels: tuple[str, ...]
    """Names of the classes present, in index order; empty for a background-only photograph."""
    split: str
    """One of `SPLITS`."""
    digest: str
    """BLAKE2b-128 of the photograph's bytes, hexadecimal."""
    mask: str = ""
    """Relative to the dataset root; empty where there is none."""
    mask_digest: str = ""
    correction: str = ""
    """Its pseudo label as corrected by hand, relative to the dataset root; empty where there is
    none."""
    correction_digest: str = ""
    rejected: bool = False
    """Whether a person rejected the pseudo label: no export has it and no segmenter learns it."""

    @property
    def held_out(self) -> bool:
        """Whether no stage may learn from the photograph."""
        return self.split != "train"


def shard_of(image_id: str, shards: int) -> int:
    """The shard in [0, shards) of an image; it depends on the id alone, so other images never move
    it."""
    return int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest()) % shards


def shard_name(shard: int) -> str:
    """The wildcard value of a shard: `007`."""
    return f"{shard:03d}"


def shards_folder(dataset: Path, *, held_out: bool) -> Path:
    """Where the shards lie of the photographs to train on, or of those held out."""
    return dataset / ("held_out" if held_out else "shards")


def to_csv(records: list[ImageRecord]) -> str:
    """The rows as CSV text with a header."""
    names = [field.name for field in fields(ImageRecord)]
    return csv_text(
        [names, *([_cell(getattr(record, name)) for name in names] for record in records)]
    )


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ";".join(value) if isinstance(value, tuple) else value


def read_manifest(path: Path) -> list[ImageRecord]:
    """The records of `images.csv` or of one shard of it.

    Raises BesError if the file is missing or is no manifest.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return [_record(row) for row in reader]
    except FileNotFoundError:
        raise BesError(f"{path}: no such manifest; `bes dataset` writes it") from None
    except KeyError as error:
        raise BesError(
            f"{path}: not a manifest of this version of bes, found no column {error}; the workflow "
            "or `bes dataset` writes it anew"
        ) from None
    except (ValueError, csv.Error) as error:
        raise BesError(
            f"{path}: line {reader.line_num}: not a manifest written by `bes dataset` ({error})"
        ) from None


def _record(row: dict[str, str]) -> ImageRecord:
    """Raises KeyError for a column that is missing, ValueError for a row that cannot be."""
    record = ImageRecord(
        id=row["id"],
        path=row["path"],
        width=int(row["width"] or 0),
        height=int(row["height"] or 0),
        labels=tuple(row["labels"].split(";")) if row["labels"] else (),
        split=row["split"],
        digest=row["digest"],
        mask=row["mask"],
        mask_digest=row["mask_digest"],
        correction=row["correction"],
        correction_digest=row["correction_digest"],
        rejected=row["rejected"] == "yes",
    )
    if row["rejected"] is None or None in row:
        raise ValueError("another number of columns than in the header")
    if not record.id or "/" in record.id:
        raise ValueError(f"the id {record.id!r}")
    if record.split not in SPLITS:
        raise ValueError(f"the split {record.split!r}, expected {', '.join(SPLITS)}")
    if record.width < 1 or record.height < 1:
        raise ValueError(f"a photograph of {record.width}x{record.height} pixels")
    return record


def write_dataset(
    folder: Path, *, records: list[ImageRecord], catalog: "Catalog", shards: int
) -> dict[str, str]:
    """Write `images.csv`, `classes.json`, and the shards of the photographs to train on
    (`shards/*.csv`) and of those held out, `val` and `test` (`held_out/*.csv`).

    A file whose content stays the same is left alone, and so is what depends on it. Returns file,
    relative to the folder -> digest.
    """
    files: dict[str, bytes] = {}
    records = sorted(records, key=lambda record: record.id)
    for held_out in (False, True):
        rows: dict[str, list[ImageRecord]] = {shard_name(shard): [] for shard in range(shards)}
        for record in records:
            if record.held_out == held_out:
                rows[shard_name(shard_of(record.id, shards))].append(record)
        home = shards_folder(folder, held_out=held_out)
        for path in home.glob("*.csv"):
            if path.stem not in rows:  # of a division into more shards
                path.unlink()
        for name, members in rows.items():
            files[f"{home.name}/{name}.csv"] = to_csv(members).encode()
    files["classes.json"] = catalog_json(catalog)
    files["images.csv"] = to_csv(records).encode()
    for name, text in files.items():
        write_if_changed(folder / name, text)
    return {name: digest_bytes(text) for name, text in files.items()}


@dataclass(frozen=True)
class Catalog:
    """What every stage must know of the dataset beyond its own images."""

    root: Path
    """The folder that the manifest's paths start from."""
    classes: tuple[str, ...]
    """Foreground names; the label index of a class is its position + 1."""
    mask_values: tuple[int, ...]
    """What each class has in the mask files, where 0 is background and 255 void."""
    max_pixels: int = MAX_PIXELS
    """Photographs of more pixels are reduced to as many before anything is computed."""
    bit_depth: int = 16
    """Bits in use of photographs with 16 bits a channel."""
    cache: Path | None = field(default=None, compare=False)
    """Where photographs are kept that were reduced; None: nowhere."""

    def indices(self, record: ImageRecord) -> list[int]:
        """Label indices, from 1, of the classes present in a photograph."""
        if unknown := [name for name in record.labels if name not in self.classes]:
            raise BesError(
                f"images.csv: {record.id}: found the label {unknown[0]!r}, expected one of "
                f"{', '.join(self.classes)}; the workflow or `bes dataset` writes it anew"
            )
        return [self.classes.index(name) + 1 for name in record.labels]

    def working_size(self, record: ImageRecord) -> tuple[int, int]:
        """Height and width that a photograph is computed at."""
        factor = min(1.0, math.sqrt(self.max_pixels / (record.width * record.height)))
        return max(round(record.height * factor), 1), max(round(record.width * factor), 1)

    def reading(self, record: ImageRecord) -> list[int]:
        """How a photograph's bytes become pixels, where that is not as they are."""
        size = self.working_size(record)
        reduced = [] if size == (record.height, record.width) else [*size]
        return reduced + ([self.bit_depth] if self.bit_depth < 16 else [])


def catalog_json(catalog: Catalog) -> bytes:
    """The content of `classes.json`."""
    content = {
        "root": str(catalog.root),
        "classes": catalog.classes,
        "mask_values": catalog.mask_values,
        "max_pixels": catalog.max_pixels,
        "bit_depth": catalog.bit_depth,
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def read_catalog(path: Path) -> Catalog:
    """Read `classes.json`; raises BesError if it is missing."""
    carried = path.parent / PHOTOGRAPHS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        catalog = Catalog(
            root=carried if carried.is_dir() else Path(content["root"]),
            classes=tuple(content["classes"]),
            mask_values=tuple(content["mask_values"]),
            max_pixels=int(content["max_pixels"]),
            bit_depth=int(content["bit_depth"]),
            cache=cache_folder(path.parent),
        )
        if not isinstance(content["classes"], list) or not all(
            isinstance(name, str) for name in catalog.classes
        ):
            raise ValueError(f"the classes {str(content['classes'])[:40]!r}")
        if len(catalog.mask_values) != len(catalog.classes) or not all(
            isinstance(value, int) and 0 < value < 255 for value in catalog.mask_values
        ):
            raise ValueError(f"the mask values {catalog.mask_values}")
        if catalog.max_pixels < 1:
            raise ValueError(f"max_pixels {catalog.max_pixels}")
        if not 8 < catalog.bit_depth <= 16:
            raise ValueError(f"bit_depth {catalog.bit_depth}")
        return catalog
    except FileNotFoundError:
        raise BesError(f"{path}: no such file; `bes dataset` writes it") from None
    except KeyError as error:
        raise BesError(
            f"{path}: not a class list of this version of bes, found no key {error}; the workflow "
            "or `bes dataset` writes it anew"
        ) from None
    except (TypeError, ValueError) as error:
        raise BesError(f"{path}: not a class list written by `bes dataset` ({error})") from None
