"""Stage `segmentation_maps`: class probabilities of held-out photographs (DeepLab)."""

from dataclasses import dataclass
from typing import Annotated

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range
from bes.stages.shared.segmentation_inference import InferenceOptions, load_segmenter, mapper


@dataclass(frozen=True)
class SegmentationMapOptions(InferenceOptions):
    """Options of the inference of the segmentation network."""

    least_probability: Annotated[float, Range(0.0, 1.0)] = 0.01
    """Labels that are less probable than this everywhere are not stored."""


def prepare(options: SegmentationMapOptions, sources: Sources) -> Compute:
    """Photograph -> npz of probabilities at 1/4 of the labels that come into question."""
    from bes.data.images import encode_maps
    from bes.data.working_size import read_reduced

    network = load_segmenter(sources.model("segmenter"), sources.device)
    least = options.least_probability
    maps_of = mapper(options, network, sources.device, least_probability=least)

    def compute(record: ImageRecord) -> bytes:
        (maps,) = maps_of([read_reduced(sources.catalog, record)], [None])
        return encode_maps(*maps)

    return compute


STAGE = PerImageStage(
    name="segmentation_maps",
    options=SegmentationMapOptions,
    prepare=prepare,
    model="segmenter",
    on_device=True,
    suffix=".npz",
    held_out=True,
)
