"""What an export is made of, and the folder that its format writes it to."""

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bes.data.images import decode_labels, encode_labels
from bes.data.layout import image_file
from bes.data.manifest import Catalog, ImageRecord
from bes.data.truth import read_truth
from bes.errors import BesError
from bes.export.photographs import place_file, place_photograph
from bes.export.values import LabelValues

RAW = "Raw"
"""Ending of the folder with the same labels as grey PNGs."""


@dataclass(frozen=True)
class Contents:
    """The photographs and labels of an export. A format places them and adds its lists."""

    catalog: Catalog
    values: LabelValues
    records: list[ImageRecord]
    """All photographs of the dataset."""
    pseudo_labels: Path
    folder: Path
    """Where the export is built; the paths below are relative to it."""
    copy: bool
    raw: bool
    threads: int

    @property
    def train(self) -> list[ImageRecord]:
        """The photographs of split train: with their pseudo labels, never with a mask."""
        return [record for record in self.records if record.split == "train"]

    @property
    def val(self) -> list[ImageRecord]:
        """The photographs of split val that have a mask."""
        return [record for record in self.records if record.split == "val" and record.mask]

    def labels(self, record: ImageRecord) -> np.ndarray:
        """The pixel values of a label, uint8 (H, W), 255 void: the pseudo label of a training
        photograph, the mask of another.

        Raises BesError if it is missing, damaged, of another size than the photograph or holds a
        value that stands for no class.
        """
        if record.split != "train":
            return self.values.apply(read_truth(self.catalog, record))
        path = image_file("pseudo_labels", self.pseudo_labels, record.id)
        indices = decode_labels(path)
        if indices.shape != (record.height, record.width):
            raise BesError(
                f"{path}: a label of {indices.shape[1]}x{indices.shape[0]} pixels, expected the "
                f"{record.width}x{record.height} of the photograph"
            )
        try:
            return self.values.apply(indices)
        except IndexError as error:
            raise BesError(
                f"{path}: {error}, expected 0 to {len(self.catalog.classes)}, or 255"
            ) from None

    def place_photographs(self, records: list[ImageRecord], folder: str) -> None:
        """`<folder>/<id>.jpg`, upright."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)

        def place(record: ImageRecord) -> None:
            target = self.folder / folder / f"{record.id}.jpg"
            place_photograph(self.catalog.root / record.path, target, copy=self.copy)

        self._each(place, records)

    def place_labels(self, records: list[ImageRecord], folder: str) -> None:
        """`<folder>/<id>.png` with the VOC palette, and `<folder>Raw/<id>.png` if asked for.

        A mask that has the values of the export is linked or copied as it is.
        """
        for name in (folder, folder + RAW) if self.raw else (folder,):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

        def place(record: ImageRecord) -> None:
            target = self.folder / folder / f"{record.id}.png"
            as_it_is = record.split != "train" and self.values.as_in_masks
            if as_it_is:
                place_file(self.catalog.root / record.mask, target, copy=self.copy)
            if self.raw or not as_it_is:
                labels = self.labels(record)
                if not as_it_is:
                    target.write_bytes(encode_labels(labels))
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
