"""Stage `predictions`: labels of held-out photographs, refined by the dense CRF."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class PredictionOptions:
    """Options of the predictions; the dense CRF is that of DeepLab-v2."""

    crf: bool | Literal["pydensecrf"] = True
    """Refine the probabilities with the dense CRF; `pydensecrf`: with the library of that name,
    slower and to the same labels."""
    crf_gaussian_sxy: Annotated[float, Range(0.1, 10_000.0)] = 1.0
    """Spatial standard deviation of the smoothness kernel, pixels."""
    crf_gaussian_compat: Annotated[float, Range(0.0, 1000.0)] = 3.0
    """Weight of the smoothness kernel."""
    crf_bilateral_sxy: Annotated[float, Range(0.1, 10_000.0)] = 67.0
    """Spatial standard deviation of the bilateral kernel, pixels."""
    crf_bilateral_srgb: Annotated[float, Range(0.1, 1000.0)] = 3.0
    """Standard deviation of the bilateral kernel in colour, 8-bit levels."""
    crf_bilateral_compat: Annotated[float, Range(0.0, 1000.0)] = 4.0
    """Weight of the bilateral kernel."""
    crf_iterations: Annotated[int, Range(1, 1000)] = 10
    """Mean-field iterations of the CRF."""


def prepare(options: PredictionOptions, sources: Sources) -> Compute:
    """Probabilities and photograph -> palette PNG of label indices at full size."""
    from bes.data.images import encode_labels, read_maps
    from bes.data.working_size import read_reduced, resize_labels
    from bes.method.dense_crf import DenseCrfSettings, refine_probabilities
    from bes.method.hard_labels import upsample

    crf = DenseCrfSettings(
        gaussian_sxy=options.crf_gaussian_sxy,
        gaussian_compat=options.crf_gaussian_compat,
        bilateral_sxy=options.crf_bilateral_sxy,
        bilateral_srgb=options.crf_bilateral_srgb,
        bilateral_compat=options.crf_bilateral_compat,
        iterations=options.crf_iterations,
        pydensecrf=options.crf == "pydensecrf",
    )

    def compute(record: ImageRecord) -> bytes:
        maps, labels, size = read_maps(sources.file("segmentation_maps", record))
        probability = upsample(maps, size)
        if options.crf:
            photo = read_reduced(sources.catalog, record)
            probability = refine_probabilities(photo, probability, crf)
        found = labels[probability.argmax(0)]
        return encode_labels(resize_labels(found, (record.height, record.width)))

    return compute


STAGE = PerImageStage(
    name="predictions",
    options=PredictionOptions,
    prepare=prepare,
    reads=("segmentation_maps",),
    suffix=".png",
    held_out=True,
)
