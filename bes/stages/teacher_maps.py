"""Stage `teacher_maps`: class probabilities by the teacher of what it learnt from (DeepLab)."""

from dataclasses import dataclass
from typing import Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.stages.shared.segmentation_inference import InferenceOptions, load_segmenter, mapper


@dataclass(frozen=True)
class TeacherMapOptions(InferenceOptions):
    """Options of the teacher and of its maps."""

    source: Literal["none", "teacher"] = "none"
    """`teacher`: a segmentation network learns the labels of the walk and labels its photographs
    anew, of their classes alone; the pseudo labels are the mean of its probabilities and of the
    revised scores. `none`: there is no teacher, as in the paper."""


def prepare(options: TeacherMapOptions, sources: Sources) -> Compute:
    """Photograph -> npz of probabilities at 1/4, of the background and of the classes present."""
    from bes.data.images import encode_maps
    from bes.data.working_size import read_reduced

    network = load_segmenter(sources.model("teacher"), sources.device)
    maps_of = mapper(options, network, sources.device, least_probability=0.0)

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
