"""Stage `teacher`: train DeepLab on the labels of the walk, to label their photographs anew."""

from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.stages.shared.segmentation_network import SegmenterOptions, fit_segmenter


def fit(options: SegmenterOptions, run: TrainingRun) -> Trained:
    """See `fit_segmenter`."""
    return fit_segmenter(options, run, name="teacher", labels="teacher_labels")


STAGE = TrainingStage(
    name="teacher",
    options=SegmenterOptions,
    fit=fit,
    reads=("teacher_labels",),
    model="classifier",
)
