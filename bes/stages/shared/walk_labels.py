"""Labels from the revised maps and what else there is, refined by the dense CRF (Eq. 9)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Sources
from bes.options.declared import Range
from bes.stages.shared.crf_settings import crf_settings

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PseudoLabelOptions:
    """Options of the pseudo labels."""

    threshold: Annotated[float, Range(0.0, 1.0)] = 0.25
    """Background score: a pixel whose revised scores are all at most this is background. With a
    foreground prior, means with it are held against the mean of this and 0.5."""
    crf: bool | Literal["pydensecrf"] = True
    """Refine the labels with the dense CRF; `pydensecrf`: with the library of that name, slower and
    to the same labels."""
    crf_bilateral_sxy: Annotated[float, Range(0.1, 10_000.0)] = 20.0
    """theta_alpha of Eq. 9: spatial standard deviation of the bilateral kernel, pixels."""
    crf_iterations: Annotated[int, Range(1, 1000)] = 10
    """Mean-field iterations of the CRF."""


def labeller(
    options: PseudoLabelOptions, sources: Sources
) -> "Callable[[ImageRecord], np.ndarray]":
    """The function from a photograph to its label indices, uint8 (H, W), at full size: from its
    revised map and, where the stage reads them, the teacher's maps, the foreground prior and the
    segments."""
    import numpy as np

    from bes.data.images import read_grey, read_maps, read_prior
    from bes.data.working_size import read_reduced, resize_labels
    from bes.method.dense_crf import load_inference, refine
    from bes.method.foreground_prior import with_priors
    from bes.method.hard_labels import hard_labels, upsample
    from bes.method.region_vote import mean_of_regions

    crf = crf_settings(options)
    if crf:
        load_inference(crf, label_maps=1)

    def full_size(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        # Upsampling lowers the peak; a threshold is a share of the largest score at full size.
        scores = upsample(maps, size)
        return scores / max(scores.max(initial=0.0), 1e-12)

    def label(record: ImageRecord) -> np.ndarray:
        maps, classes, size = read_maps(sources.file("revised_maps", record))
        priors = []
        if "foreground" in sources.folders:
            prior = read_prior(sources.file("foreground", record))
            priors += [] if prior is None else [prior]
        if "teacher_maps" in sources.folders:
            # Without the first map, that of the background.
            taught = read_maps(sources.file("teacher_maps", record)).maps[1:]
            priors += [upsample(taught, size)]
        if "revised_teacher_maps" in sources.folders:
            spread = read_maps(sources.file("revised_teacher_maps", record)).maps
            priors += [full_size(spread, size)]
        scores, threshold = with_priors(full_size(maps, size), priors, options.threshold)
        if "regions" in sources.folders:
            scores = mean_of_regions(scores, read_grey(sources.file("regions", record)))
        labels = hard_labels(scores, threshold)
        if crf:
            photo = read_reduced(sources.catalog, record)
            labels = refine(photo, labels, len(classes) + 1, crf)
        indices = np.array([0, *classes], np.uint8)[labels]
        return resize_labels(indices, (record.height, record.width))

    return label
