"""Stage `teacher_labels`: the labels of the walk, as the teacher learns them (Eq. 9)."""

from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.stages.shared.walk_labels import PseudoLabelOptions, labeller


def prepare(options: PseudoLabelOptions, sources: Sources) -> Compute:
    """What `labeller` reads -> palette PNG of label indices at full size.

    Corrections by hand are not among them: mending one photograph trains no teacher, and the labels
    of others that a person has looked at stay as they were.
    """
    from bes.data.images import encode_labels

    label = labeller(options, sources)
    return lambda record: encode_labels(label(record))


STAGE = PerImageStage(
    name="teacher_labels",
    options=PseudoLabelOptions,
    prepare=prepare,
    reads=("revised_maps",),
    reads_if_there=("foreground", "regions"),
    optional=True,
    suffix=".png",
)
