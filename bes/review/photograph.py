"""One photograph on the desk: what its page shows, and its label from strokes."""

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bes.data.images import decode_mask, read_boundary_map
from bes.data.manifest import VOID, Catalog, ImageRecord
from bes.data.working_size import read_reduced, resize_labels
from bes.method.mending import mend
from bes.method.scribbles import FREE, ScribbleWalk
from bes.review.strokes import Stroke, draw
from bes.stages.shared.crf_settings import crf_settings
from bes.stages.shared.walk_labels import PseudoLabelOptions
from bes.stages.shared.walked_maps import WalkOptions
from bes.storage.files import digest_bytes

BOUNDARY_COLOUR = (255, 0, 255)
"""Seldom that of anything photographed."""


class Photograph:
    """A photograph with its maps, at its working size; what takes time is computed once."""

    def __init__(
        self,
        catalog: Catalog,
        record: ImageRecord,
        *,
        boundary: Path,
        computed: Callable[[ImageRecord], bytes],
        walk: WalkOptions,
        labels: PseudoLabelOptions,
    ):
        """`boundary` is the file of its boundary map, and `computed` gives the bytes of a pseudo
        label that no correction took the place of."""
        self.catalog, self.record = catalog, record
        self.size = catalog.working_size(record)
        self._boundary, self._computed = boundary, computed
        self._walk_options, self._label_options = walk, labels
        self._solved: tuple[tuple[Stroke, ...], bytes | None, np.ndarray] | None = None

    def jpeg(self) -> bytes:
        """The photograph."""
        return _encode(Image.fromarray(self._pixels), "JPEG", quality=90)

    def boundary_png(self) -> bytes:
        """The boundary map as a PNG that has a colour where it is certain and none elsewhere."""
        boundary = read_boundary_map(self._boundary)
        pixels = np.full((*boundary.shape, 4), (*BOUNDARY_COLOUR, 0), np.uint8)
        pixels[..., 3] = np.rint(boundary * 255)
        return _encode(Image.fromarray(pixels), "PNG")

    def label(self, base: bytes | None, strokes: tuple[Stroke, ...]) -> np.ndarray:
        """The label: uint8 (h, w) at the working size, 0 background, 1..C the classes, 255 void.

        `base`, a label PNG, takes the place of the computed pseudo label. Scribbles are solved all
        at once; then the strokes are painted in their order.
        """
        before = self._label_of(base)
        scribbles = tuple(stroke for stroke in strokes if stroke.tool == "scribble")
        if scribbles:
            before = self._mended(base, before, scribbles)
        drawn = self._draw(strokes)
        return np.where(drawn == FREE, before, drawn).astype(np.uint8)

    def _mended(
        self, base: bytes | None, before: np.ndarray, scribbles: tuple[Stroke, ...]
    ) -> np.ndarray:
        if self._solved is None or self._solved[:2] != (scribbles, base):
            indices = [0, *self.catalog.indices(self.record)]
            position = np.zeros(256, np.int16)
            position[indices] = np.arange(len(indices))
            drawn = self._draw(scribbles)
            mended = mend(
                self._pixels,
                # What is not counted is nobody's: the walk takes it for background.
                position[before],
                np.where(drawn == FREE, FREE, position[drawn]),
                len(indices),
                walk=self._walk,
                crf=crf_settings(self._label_options),
                everywhere=base is None,
            )
            self._solved = (scribbles, base, np.array(indices, np.uint8)[mended])
        solved = self._solved[2]
        return np.where((before == VOID) & (solved == 0), VOID, solved)

    def _draw(self, strokes: Sequence[Stroke]) -> np.ndarray:
        full = (self.record.height, self.record.width)
        return draw(strokes, self.catalog.classes, size=self.size, full=full)

    def _label_of(self, base: bytes | None) -> np.ndarray:
        if base is None:
            return self._computed_label
        return resize_labels(decode_mask(base, Path(f"{self.record.id}.png")), self.size)

    @functools.cached_property
    def digest(self) -> str:
        """Of the computed pseudo label."""
        return digest_bytes(self._content)

    @functools.cached_property
    def _content(self) -> bytes:
        return self._computed(self.record)

    @functools.cached_property
    def _computed_label(self) -> np.ndarray:
        return resize_labels(decode_mask(self._content, Path(f"{self.record.id}.png")), self.size)

    @functools.cached_property
    def _pixels(self) -> np.ndarray:
        return read_reduced(self.catalog, self.record)

    @functools.cached_property
    def _walk(self) -> ScribbleWalk:
        options = self._walk_options
        return ScribbleWalk(
            torch.from_numpy(read_boundary_map(self._boundary)),
            beta=options.beta,
            radius=options.radius,
            steps=options.steps,
        )


def _encode(image: Image.Image, format: str, **options: int) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()
