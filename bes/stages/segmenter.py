"""Stage `segmenter`: train DeepLab on the pseudo labels (Section 4.3)."""

from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.stages.shared.segmentation_network import SegmenterOptions, fit_segmenter


def fit(options: SegmenterOptions, run: TrainingRun) -> Trained:
    """See `fit_segmenter`."""
    return fit_segmenter(options, run, name="segmenter", labels="pseudo_labels")


STAGE = TrainingStage(
    name="segmenter",
    options=SegmenterOptions,
    fit=fit,
    reads=("pseudo_labels",),
    model="classifier",
    without_rejected=True,
)
