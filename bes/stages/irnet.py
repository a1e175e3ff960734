"""Stage `irnet`: train IRNet's boundary branch on relations of pairs of pixels."""

from dataclasses import dataclass
from typing import Annotated

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.options.declared import Range
from bes.stages.shared.boundary_network import BoundaryNetworkOptions, train_boundary_network
from bes.stages.shared.confident_labels import ConfidentLabelOptions, confident_label_reader
from bes.training.schedule import BATCH_SIZE, CROP


@dataclass(frozen=True)
class IrnetOptions(BoundaryNetworkOptions, ConfidentLabelOptions):
    """Options of IRNet, of the confident labels that it learns from, and of its training."""

    theta_bg: Annotated[float, Range(0.0, 1.0)] = 0.05
    """theta_bg of Eq. 1: a lower score is confident background."""
    radius: Annotated[int, Range(2, 64)] = 10
    """Distance that the pixels of a pair stay under, in pixels of 1/4 of the photograph's size."""
    batch_size: Annotated[int, BATCH_SIZE] = 32
    """Photographs per iteration, over all devices together."""
    crop: Annotated[int, CROP] = 512
    """Side of the training crop, pixels."""

    def __post_init__(self) -> None:
        self.check("irnet")


def fit(options: IrnetOptions, run: TrainingRun) -> Trained:
    """Train with the inter-pixel loss; the confident labels are computed first and kept in
    memory."""
    import numpy as np

    from bes.data.images import decode_mask
    from bes.method.confident_labels import UNCERTAIN_CLASS
    from bes.method.inter_pixel_loss import inter_pixel_loss

    labels = _confident_labels(options, run)

    def labels_of(record: ImageRecord):
        return decode_mask(labels[record.id], run.file("cams", record))

    return train_boundary_network(
        options,
        run,
        name="irnet",
        labels_of=labels_of,
        open_label=UNCERTAIN_CLASS,
        has_boundary=lambda labels: len(set(np.unique(labels)) - {UNCERTAIN_CLASS}) > 1,
        loss=lambda logits, labels: inter_pixel_loss(
            logits, labels, radius=options.radius
        )._asdict(),
    )


def _confident_labels(options: IrnetOptions, run: TrainingRun) -> dict[str, bytes]:
    """Image -> its confident labels as a PNG, which has a few kB."""
    import cv2

    from bes.data.images import encode_labels
    from bes.storage.pool import forked_map
    from bes.storage.progress import Progress

    # One photograph a core: OpenCV would take them all for each.
    cv2.setNumThreads(1)

    read = confident_label_reader(options, run.catalog)

    def encoded(record: ImageRecord) -> bytes:
        return encode_labels(read(record, run.file("cams", record)))

    records = run.train_records
    progress = Progress("irnet labels", len(records), unit="images")
    labels = {}
    for record, content in zip(
        records, forked_map(encoded, records, processes=run.threads), strict=True
    ):
        labels[record.id] = content
        progress.step()
    return labels


STAGE = TrainingStage(
    name="irnet", options=IrnetOptions, fit=fit, reads=("cams",), model="classifier"
)
