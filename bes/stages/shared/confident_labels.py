"""Confident labels of a photograph (Eq. 1), for the stages that start from them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from bes.data.manifest import Catalog, ImageRecord
from bes.options.declared import Range
from bes.stages.shared.crf_settings import crf_settings

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ConfidentLabelOptions:
    """Options of the confident labels (Eq. 1)."""

    theta_fg: Annotated[float, Range(0.0, 1.0)] = 0.30
    """theta_fg of Eq. 1: a higher score is confident foreground."""
    theta_bg: Annotated[float, Range(0.0, 1.0)] = 0.07
    """theta_bg of Eq. 1: a lower score is confident background."""
    crf: bool | Literal["pydensecrf"] = True
    """Refine the two label maps of Eq. 1 with the dense CRF; `pydensecrf`: with the library of that
    name, slower and to the same labels."""
    crf_bilateral_sxy: Annotated[float, Range(0.1, 10_000.0)] = 50.0
    """Spatial standard deviation of the CRF's bilateral kernel, pixels."""
    crf_iterations: Annotated[int, Range(1, 1000)] = 10
    """Mean-field iterations of the CRF."""


def confident_label_reader(
    options: ConfidentLabelOptions, catalog: Catalog
) -> "Callable[[ImageRecord, Path], np.ndarray]":
    """The function from a photograph and its localisation map to (H, W) uint8 labels: 0 background,
    label indices, 255 uncertain."""
    from bes.data.images import read_maps
    from bes.data.working_size import read_reduced
    from bes.method.confident_labels import confident_labels
    from bes.method.dense_crf import load_inference, refine_all
    from bes.method.hard_labels import upsample

    crf = crf_settings(options)
    if crf:
        load_inference(crf, label_maps=2)

    def read(record: ImageRecord, cams: Path) -> "np.ndarray":
        maps, classes, size = read_maps(cams)
        photo = read_reduced(catalog, record)

        def refine(label_maps):
            return refine_all(photo, label_maps, len(classes) + 1, crf) if crf else label_maps

        return confident_labels(
            upsample(maps, size),
            classes,
            theta_fg=options.theta_fg,
            theta_bg=options.theta_bg,
            refine=refine,
        )

    return read
