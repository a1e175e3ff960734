"""The photographs whose labels differ between two experiments, and a sheet of those that differ
most."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from bes.data.images import decode_labels
from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest
from bes.data.working_size import read_reduced
from bes.errors import BesError
from bes.incremental.stage import PerImageStage, image_file, stage_of
from bes.report.contact_sheet import INK, PAPER, SIDE, caption_font, cut, draw_thumbnail
from bes.storage.pool import forked_map

COLUMNS = 2
"""Photographs beside one another, of three pictures each."""
_GAP, _SPACE, _LINE = 6, 18, 16


class Difference(NamedTuple):
    """One photograph, alone and under the labels of either experiment."""

    image: str
    share: float
    """Of its pixels, how many have another label."""
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    """(h,w,3) uint8 RGB, at most SIDE pixels either way."""


@dataclass(frozen=True)
class LabelPair:
    """The labels that a stage gave in two experiments."""

    stage: str
    folders: Sequence[Path]
    """Of the stage, in either."""
    datasets: Sequence[Path]
    """The folders of their manifests."""

    def shares(self, threads: int) -> list[tuple[float, ImageRecord]]:
        """The photographs of both, the most different first, with the share of their pixels that
        differ; raises BesError where there are none, or a label is missing."""
        stage = stage_of(self.stage)
        assert isinstance(stage, PerImageStage)
        first, second = (
            {r.id: r for r in read_manifest(dataset / "images.csv") if r.held_out == stage.held_out}
            for dataset in self.datasets
        )
        both = [record for image, record in first.items() if image in second]
        if not both:
            raise BesError(f"differences: found no photograph that both have {self.stage} of")

        def share(record: ImageRecord) -> float:
            a, b = self._labels(record)
            return float((a != b).mean()) if a.shape == b.shape else 1.0

        shares = zip(forked_map(share, both, processes=threads), both, strict=True)
        return sorted(shares, key=lambda one: (-one[0], one[1].id))

    def draw(self, one: tuple[float, ImageRecord]) -> Difference:
        """The pictures of a photograph of `shares`."""
        share, record = one
        photo = read_reduced(self._catalog, record)
        labels = self._labels(record)
        plain, first, second = (
            draw_thumbnail(photo, each) for each in (np.zeros_like(labels[0]), *labels)
        )
        return Difference(record.id, share, (plain, first, second))

    @cached_property
    def _catalog(self) -> Catalog:
        return read_catalog(self.datasets[0] / "classes.json")

    def _labels(self, record: ImageRecord) -> list[np.ndarray]:
        files = [image_file(self.stage, folder, record.id) for folder in self.folders]
        for file in files:
            if not file.is_file():
                raise BesError(f"{file}: no such label; `bes run` makes it")
        return [decode_labels(file) for file in files]


def draw_differences(found: Sequence[Difference], experiments: tuple[str, str]) -> Image.Image:
    """In reading order, with the names of the experiments above the columns; an RGB picture."""
    font = caption_font(12)
    column, row = 3 * (SIDE + _GAP) + _SPACE, SIDE + _LINE + _SPACE
    rows = -(-len(found) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * column, 2 * _LINE + rows * row), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, one in enumerate(found):
        left, top = number % COLUMNS * column + _GAP, 2 * _LINE + number // COLUMNS * row
        for place, pixels in enumerate(one.pictures):
            height, width = pixels.shape[:2]
            x = left + place * (SIDE + _GAP) + (SIDE - width) // 2
            sheet.paste(Image.fromarray(pixels), (x, top + (SIDE - height) // 2))
            if number < COLUMNS:
                name = ("photograph", *experiments)[place]
                middle = left + place * (SIDE + _GAP) + SIDE / 2
                draw.text((middle, _LINE), cut(name, font), INK, font, anchor="mm")
        caption = f"{one.image}: {100 * one.share:.1f} % of the pixels"
        draw.text((left, top + SIDE + _LINE / 2), cut(caption, font, 3 * SIDE), INK, font, "lm")
    return sheet
