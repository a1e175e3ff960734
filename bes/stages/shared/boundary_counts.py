"""Boundary pixels of one photograph: how many are found, how many true, how many matched."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError
from bes.incremental.stage import image_file

COMPARED = ("boundary_maps", "cams", "pseudo_labels")
"""Whose boundaries are scored: at all thresholds, and, of the two others, as they are."""


def sbd_file(folder: Path, record: ImageRecord) -> Path:
    """Where SBD keeps the boundaries of a photograph."""
    return folder / f"{record.id}.mat"


def counter(
    catalog: Catalog,
    folders: dict[str, Path],
    *,
    sbd: Path | None,
    tolerances: Sequence[float],
    thresholds: int,
    cam_threshold: float,
) -> Callable[[ImageRecord], dict[str, Any]]:
    """The function from a photograph to the counts of its boundary pixels.

    The true boundaries are those of its mask or, with a folder `sbd`, those of its `.mat` there.
    These are source -> tolerance -> thresholds, matched, predicted and true pixels at each, as JSON
    can write them; a source of lines instead of probabilities has the one threshold None. Raises
    BesError for a mask that cannot be used.
    """
    import cv2
    import numpy as np

    from bes.data.images import decode_labels, read_boundary_map, read_maps
    from bes.data.sbd import read_boundaries
    from bes.data.truth import read_truth
    from bes.data.working_size import resize_labels
    from bes.method.hard_labels import hard_labels, upsample
    from bes.metrics.boundary import (
        BoundaryScores,
        boundaries_of,
        boundary_scores,
        match_boundaries,
    )

    cv2.setNumThreads(1)

    def true_boundaries(record: ImageRecord, size: tuple[int, int]) -> np.ndarray:
        if sbd is None:
            return boundaries_of(resize_labels(read_truth(catalog, record), size))
        path = sbd_file(sbd, record)
        lines = read_boundaries(path)
        if lines.shape != size:
            raise BesError(
                f"{path}: found boundaries of {lines.shape[1]}x{lines.shape[0]} pixels, expected "
                f"{size[1]}x{size[0]} like {record.path}"
            )
        return lines

    def of_lines(lines: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        matches = {t: match_boundaries(lines, truth, tolerance=t) for t in tolerances}
        return {str(t): [[None], *([int(n)] for n in match)] for t, match in matches.items()}

    def listed(scores: BoundaryScores) -> list[list[float]]:
        columns = (scores.thresholds, scores.matched, scores.predicted, scores.truth)
        return [column.tolist() for column in columns]

    def count(record: ImageRecord) -> dict[str, Any]:
        paths = {name: image_file(name, folders[name], record.id) for name in COMPARED}
        maps, _, size = read_maps(paths["cams"])
        truth = true_boundaries(record, size)
        probability = upsample(read_boundary_map(paths["boundary_maps"])[None], size)[0]
        labels = hard_labels(upsample(maps, size), cam_threshold).astype(np.uint8)
        pseudo_labels = resize_labels(decode_labels(paths["pseudo_labels"]), size)
        curves = boundary_scores(probability, truth, thresholds=thresholds, tolerances=tolerances)
        return {
            "boundary_maps": {
                str(t): listed(curve) for t, curve in zip(tolerances, curves, strict=True)
            },
            "cams": of_lines(boundaries_of(labels), truth),
            "pseudo_labels": of_lines(boundaries_of(pseudo_labels), truth),
        }

    return count
