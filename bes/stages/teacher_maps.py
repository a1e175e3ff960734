"""Stage `teacher_maps`: class probabilities by the teacher of what it learnt from (DeepLab)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class TeacherMapOptions:
    """Options of the teacher and of its maps."""

    source: Literal["none", "teacher"] = "none"
    """`teacher`: a segmentation network learns the labels of the walk and labels its photographs
    anew, of their classes alone; the pseudo labels are the mean of its probabilities and of the
    revised scores. `none`: there is no teacher, as in the paper."""
    scales: Annotated[tuple[float, ...], Range(0.1, 8.0)] = (1.0, 0.75, 0.5)
    """Factors that the photograph is resized by."""
    merge: Literal["max", "mean"] = "max"
    """Of all scales, the highest logit counts, or the mean probability."""
    flip: bool = True
    """Average the probabilities with those of the mirrored photograph."""


def prepare(options: TeacherMapOptions, sources: Sources) -> Compute:
    """Photograph -> npz of probabilities at 1/4, of the background and of the classes present."""
    from bes.data.images import encode_maps
    from bes.data.working_size import read_reduced
    from bes.stages.segmentation_maps import SegmentationMapOptions, load_segmenter, mapper

    inference = SegmentationMapOptions(
        scales=options.scales, merge=options.merge, flip=options.flip, least_probability=0.0
    )
    network = load_segmenter(sources.model("teacher"), sources.device)
    maps_of = mapper(inference, network, sources.device)

    def compute(record: ImageRecord) -> bytes:
        present = [0, *sources.catalog.indices(record)]
        (maps,) = maps_of([read_reduced(sources.catalog, record)], [present])
        return encode_maps(*maps)

    return compute


STAGE = PerImageStage(
    name="teacher_maps",
    options=TeacherMapOptions,
    prepare=prepare,
    model="teacher",
    on_device=True,
    optional=True,
    suffix=".npz",
)
