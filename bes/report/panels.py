"""What the gallery shows of a photograph: the pictures of its panels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bes.data.images import (
    BOUNDARY_PALETTE,
    VOC_PALETTE,
    decode_labels,
    read_boundary_map,
    read_grey,
    read_maps,
    read_prior,
)
from bes.data.manifest import Catalog, ImageRecord
from bes.data.truth import read_truth
from bes.data.working_size import read_reduced
from bes.method.hard_labels import upsample
from bes.report import pictures
from bes.report.colours import PALETTE


def draw_panels(
    catalog: Catalog, record: ImageRecord, files: Mapping[str, Path]
) -> dict[str, bytes]:
    """The photograph and each of its files, by panel, as WebP; `files` as of `Results.panels`."""
    photograph = read_reduced(catalog, record)
    size = photograph.shape[:2]
    drawn = {"photographs": pictures.photograph_picture(photograph)}
    for panel, file in files.items():
        if panel in ("cams", "revised_maps", "revised_teacher_maps"):
            drawn[panel] = pictures.heat_picture(upsample(read_maps(file).maps, size))
        elif panel == "teacher_maps":
            # Without the background, which is the first.
            drawn[panel] = pictures.heat_picture(upsample(read_maps(file).maps[1:], size))
        elif panel == "boundary_maps":
            probability = upsample(read_boundary_map(file)[None], size)[0]
            drawn[panel] = pictures.probability_picture(probability)
        elif panel == "foreground":
            prior = read_prior(file)
            drawn[panel] = pictures.probability_picture(np.zeros(size) if prior is None else prior)
        elif panel == "regions":
            # More segments than colours: what lies side by side seldom has the same.
            colours = (read_grey(file) % 255).astype(np.uint8)
            drawn[panel] = pictures.labels_picture(colours, VOC_PALETTE)
        elif panel == "boundary_labels":
            drawn[panel] = pictures.labels_picture(decode_labels(file), BOUNDARY_PALETTE)
        else:
            labels = read_truth(catalog, record) if panel == "masks" else decode_labels(file)
            drawn[panel] = pictures.labels_picture(labels, PALETTE, outlined=True)
    return drawn
