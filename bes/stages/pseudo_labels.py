"""Stage `pseudo_labels`: masks from the revised maps, refined by the dense CRF (Eq. 9)."""

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.stages.shared.walk_labels import PseudoLabelOptions, labeller


def prepare(options: PseudoLabelOptions, sources: Sources) -> Compute:
    """What `labeller` reads -> palette PNG of label indices at full size; or the correction by
    hand, where there is one."""
    from bes.data.images import encode_labels
    from bes.data.truth import read_correction

    label = labeller(options, sources)

    def compute(record: ImageRecord) -> bytes:
        if record.correction:
            return encode_labels(read_correction(sources.catalog, record))
        return encode_labels(label(record))

    return compute


STAGE = PerImageStage(
    name="pseudo_labels",
    options=PseudoLabelOptions,
    prepare=prepare,
    reads=("revised_maps",),
    reads_if_there=("teacher_maps", "revised_teacher_maps", "foreground", "regions"),
    correction=True,
    suffix=".png",
)
