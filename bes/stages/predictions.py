"""Stage `predictions`: labels of held-out photographs, refined by the dense CRF."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range
from bes.stages.shared.crf_settings import crf_settings

if TYPE_CHECKING:
    import numpy as np

    from bes.data.images import Maps


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

    labels_of = labeller(options)

    def compute(record: ImageRecord) -> bytes:
        maps = read_maps(sources.file("segmentation_maps", record))
        photo = read_reduced(sources.catalog, record) if options.crf else None
        labels = labels_of(maps, photo)
        return encode_labels(resize_labels(labels, (record.height, record.width)))

    return compute


def labeller(options: PredictionOptions) -> "Callable[[Maps, np.ndarray | None], np.ndarray]":
    """A function from the maps of a photograph to its label indices, uint8 (H, W), at the size that
    the photograph is computed at. The CRF reads the photograph too, uint8 (H, W, 3)."""
    from bes.method.dense_crf import refine_probabilities
    from bes.method.hard_labels import upsample

    crf = crf_settings(options)

    def labels_of(found: "Maps", photo: "np.ndarray | None") -> "np.ndarray":
        maps, labels, size = found
        probability = upsample(maps, size)
        if crf:
            assert photo is not None
            probability = refine_probabilities(photo, probability, crf)
        return labels[probability.argmax(0)]

    return labels_of


STAGE = PerImageStage(
    name="predictions",
    options=PredictionOptions,
    prepare=prepare,
    reads=("segmentation_maps",),
    suffix=".png",
    held_out=True,
)
