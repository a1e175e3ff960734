"""Stage `boundary_labels`: boundary labels synthesised from the localisation maps (Eq. 1-3)."""

from dataclasses import dataclass
from typing import Annotated

from bes.data.manifest import ImageRecord
from bes.errors import BesError
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range
from bes.stages.shared.confident_labels import ConfidentLabelOptions, confident_label_reader


@dataclass(frozen=True)
class BoundaryLabelOptions(ConfidentLabelOptions):
    """Options of the confident labels (Eq. 1) and of the boundary labels (Eq. 2-3)."""

    window: Annotated[int, Range(3, 255)] = 13
    """w of Eq. 2, the side of the sliding window, pixels of the photograph, odd."""
    theta_scale: Annotated[float, Range(0.0, 1.0)] = 0.30
    """theta_scale of Eq. 3, the share of the window that each side of a boundary must fill (the
    paper prints 0.35)."""
    theta_diff: Annotated[float, Range(0.0, 1.0)] = 0.10
    """theta_diff of Eq. 3, the largest difference of the two shares."""
    foreground_pairs: bool = True
    """Label boundaries between two classes too, as the published code does."""

    def __post_init__(self) -> None:
        if self.window % 2 == 0:
            raise BesError(f"boundary_labels.window: found {self.window}, expected an odd number")


def prepare(options: BoundaryLabelOptions, sources: Sources) -> Compute:
    """Localisation map and photograph -> palette PNG of `BoundaryLabel` values at working size."""
    from bes.data.images import encode_boundary_labels
    from bes.method.boundary_labels import synthesize_boundary_labels

    read = confident_label_reader(options, sources.catalog)

    def compute(record: ImageRecord) -> bytes:
        return encode_boundary_labels(
            synthesize_boundary_labels(
                read(record, sources.file("cams", record)),
                window=options.window,
                theta_scale=options.theta_scale,
                theta_diff=options.theta_diff,
                foreground_pairs=options.foreground_pairs,
            )
        )

    return compute


STAGE = PerImageStage(
    name="boundary_labels",
    options=BoundaryLabelOptions,
    prepare=prepare,
    reads=("cams",),
    suffix=".png",
)
