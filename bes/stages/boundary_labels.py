"""Stage `boundary_labels`: boundary labels synthesised from the localisation maps (Eq. 1-3)."""

from dataclasses import dataclass
from typing import Annotated

from bes.data.manifest import ImageRecord
from bes.engine.options import Range
from bes.engine.per_image import Compute, PerImageStage, Sources


@dataclass(frozen=True)
class BoundaryLabelOptions:
    """Options of the confident labels (Eq. 1) and of the boundary labels (Eq. 2-3)."""

    theta_fg: Annotated[float, Range(0.0, 1.0)] = 0.30
    """theta_fg of Eq. 1: a higher score is confident foreground."""
    theta_bg: Annotated[float, Range(0.0, 1.0)] = 0.07
    """theta_bg of Eq. 1: a lower score is confident background."""
    crf: bool = True
    """Refine the two label maps of Eq. 1 with the dense CRF."""
    crf_bilateral_sxy: Annotated[float, Range(0.1)] = 50.0
    """Spatial standard deviation of the CRF's bilateral kernel, pixels."""
    crf_iterations: Annotated[int, Range(1)] = 10
    """Mean-field iterations of the CRF."""
    window: Annotated[int, Range(3, 255)] = 13
    """w of Eq. 2, the side of the sliding window, pixels of the photograph, odd."""
    theta_scale: Annotated[float, Range(0.0, 1.0)] = 0.30
    """theta_scale of Eq. 3, the share of the window that each side of a boundary must fill (the
    paper prints 0.35)."""
    theta_diff: Annotated[float, Range(0.0, 1.0)] = 0.10
    """theta_diff of Eq. 3, the largest difference of the two shares."""
    foreground_pairs: bool = True
    """Label boundaries between two classes too, as the published code does."""


def prepare(options: BoundaryLabelOptions, sources: Sources) -> Compute:
    """Localisation map and photograph -> palette PNG of `BoundaryLabel` values at working size."""
    from bes.boundary_labels import synthesize_boundary_labels
    from bes.confident_labels import confident_labels
    from bes.data.images import encode_boundary_labels, read_maps
    from bes.data.working_size import read_reduced
    from bes.dense_crf import DenseCrfSettings, refine_all
    from bes.hard_labels import upsample

    crf = DenseCrfSettings(
        bilateral_sxy=options.crf_bilateral_sxy, iterations=options.crf_iterations
    )

    def compute(record: ImageRecord) -> bytes:
        maps, classes, size = read_maps(sources.file("cams", record))
        photo = read_reduced(sources.catalog, record)

        def refine(label_maps):
            if not options.crf:
                return label_maps
            return refine_all(photo, label_maps, len(classes) + 1, crf)

        confident = confident_labels(
            upsample(maps, size),
            classes,
            theta_fg=options.theta_fg,
            theta_bg=options.theta_bg,
            refine=refine,
        )
        return encode_boundary_labels(
            synthesize_boundary_labels(
                confident,
                window=options.window,
                theta_scale=options.theta_scale,
                theta_diff=options.theta_diff,
                foreground_pairs=options.foreground_pairs,
            )
        )

    return compute


STAGE = PerImageStage(
    name="boundary_labels", options=BoundaryLabelOptions, prepare=prepare, reads=("cams",)
)
