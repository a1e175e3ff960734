"""What an export is made of, and the folder that its format writes it to."""

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bes.data.images import decode_labels, encode_labels
from bes.data.manifest import BACKGROUND, Catalog, ImageRecord
from bes.data.truth import check_indices, read_truth
from bes.errors import BesError
from bes.export.photographs import place_photograph
from bes.incremental.stage import image_file

RAW = "Raw"
"""Ending of the folder with the same labels as grey PNGs."""


@dataclass(frozen=True)
class Contents:
    """The photographs and labels of an export. A format places them and adds its lists."""

    catalog: Catalog
    records: list[ImageRecord]
    """All photographs of the dataset."""
    pseudo_labels: Path
    folder: Path
    """Where the export is built; the paths below are relative to it."""
    copy: bool
    raw: bool
    threads: int

    @property
    def names(self) -> tuple[str, ...]:
        """What each pixel value from 0 on is called; a network needs as many outputs."""
        return (BACKGROUND, *self.catalog.classes)

    @property
    def train(self) -> list[ImageRecord]:
        """The photographs of split train: with their pseudo labels, never with a mask."""
        return [record for record in self.records if record.split == "train"]

    @property
    def val(self) -> list[ImageRecord]:
        """The photographs of split val that have a mask."""
        return [record for record in self.records if record.split == "val" and record.mask]

    def labels(self, record: ImageRecord) -> np.ndarray:
        """The label indices, uint8 (H, W), 255 void, of a photograph: its pseudo label if it is one
        to train on, otherwise its mask.

        Raises BesError if it is missing, damaged, of another size than the photograph or holds a
        value that stands for no class.
        """
        if record.split != "train":
            return read_truth(self.catalog, record)
        path = image_file("pseudo_labels", self.pseudo_labels, record.id)
        indices = decode_labels(path)
        if indices.shape != (record.height, record.width):
            raise BesError(
                f"{path}: a label of {indices.shape[1]}x{indices.shape[0]} pixels, expected the "
                f"{record.width}x{record.height} of the photograph"
            )
        check_indices(indices, self.catalog.classes, path)
        return indices

    def place_photographs(self, records: list[ImageRecord], folder: str) -> None:
        """`<folder>/<id>.jpg`, upright."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)

        def place(record: ImageRecord) -> None:
            target = self.folder / folder / f"{record.id}.jpg"
            source = self.catalog.root / record.path
            place_photograph(source, target, copy=self.copy, bit_depth=self.catalog.bit_depth)

        self._each(place, records)

    def place_labels(self, records: list[ImageRecord], folder: str) -> None:
        """`<folder>/<id>.png` with the VOC palette, and `<folder>Raw/<id>.png` if asked for."""
        for name in (folder, folder + RAW) if self.raw else (folder,):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

        def place(record: ImageRecord) -> None:
            labels = self.labels(record)
            (self.folder / folder / f"{record.id}.png").write_bytes(encode_labels(labels))
            if self.raw:
                raw = self.folder / (folder + RAW) / f"{record.id}.png"
                raw.write_bytes(_encode_grey(labels))

        self._each(place, records)

    def write(self, name: str, content: bytes | str) -> None:
        """A file of the format's own."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_lines(self, name: str, lines: Iterable[str]) -> None:
        """A list, one entry a line."""
        self.write(name, "".join(f"{line}\n" for line in lines))

    def _each(self, place: Callable[[ImageRecord], None], records: list[ImageRecord]) -> None:
        with ThreadPoolExecutor(self.threads) as executor:
            list(executor.map(place, records))


def _encode_grey(labels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(labels).save(content, "PNG")
    return content.getvalue()
