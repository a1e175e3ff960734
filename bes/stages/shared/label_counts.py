"""Pixels of masks by what maps and labels show there, and how such counts are stored."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bes.data.manifest import Catalog, ImageRecord
from bes.incremental.stage import image_file

if TYPE_CHECKING:
    from pathlib import Path

    from bes.metrics.iou import ConfusionMatrix, ThresholdCurve

    Counts = ConfusionMatrix | ThresholdCurve

RELATIVE = ("revised_maps",)
"""Whose scores are shares of the photograph's largest."""


def no_counts(catalog: Catalog, grid: Sequence[float] | None) -> "Counts":
    """Of maps at the thresholds of a grid, of labels without one."""
    from bes.metrics.iou import ConfusionMatrix, ThresholdCurve

    n_labels = len(catalog.classes) + 1
    return ConfusionMatrix(n_labels) if grid is None else ThresholdCurve(n_labels, grid)


def counter(
    catalog: Catalog, folders: "Mapping[str, Path]", grids: Mapping[str, Sequence[float] | None]
) -> "Callable[[Sequence[ImageRecord], Sequence[str]], dict[str, Counts]]":
    """A function from photographs and stages to the counts of each of these stages.

    `grids` are those of `no_counts`, by stage. Raises BesError for a mask or a file of a stage that
    cannot be used.
    """
    from bes.data.images import decode_labels, read_maps
    from bes.data.truth import read_truth
    from bes.data.working_size import resize_labels
    from bes.method.hard_labels import upsample
    from bes.metrics.iou import ThresholdCurve

    def count(records: Sequence[ImageRecord], stages: Sequence[str]) -> "dict[str, Counts]":
        found = {stage: no_counts(catalog, grids[stage]) for stage in stages}
        for record in records:
            truth = read_truth(catalog, record)
            for stage, counts in found.items():
                path = image_file(stage, folders[stage], record.id)
                if isinstance(counts, ThresholdCurve):
                    maps, classes, size = read_maps(path)
                    scores = upsample(maps, size)
                    scores /= max(scores.max(initial=0.0), 1e-12) if stage in RELATIVE else 1
                    counts.update(scores, classes, resize_labels(truth, size))
                else:
                    counts.update(decode_labels(path), truth)
        return found

    return count


def encode_counts(counts: "Counts") -> bytes:
    """As an npz."""
    import numpy as np

    content = io.BytesIO()
    arrays: dict[str, Any] = {**counts.to_arrays()}
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def add_encoded(counts: "Counts", content: bytes) -> None:
    """Add what `encode_counts` made of counts of the same kind."""
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        counts.add_arrays(arrays)
