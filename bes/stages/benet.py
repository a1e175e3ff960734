"""Stage `benet`: train BENet on the synthesised boundary labels (Eq. 4)."""

from dataclasses import dataclass

from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.stages.shared.boundary_network import BoundaryNetworkOptions, train_boundary_network


@dataclass(frozen=True)
class BenetOptions(BoundaryNetworkOptions):
    """Options of BENet and its training."""

    def __post_init__(self) -> None:
        self.check("benet")


def fit(options: BenetOptions, run: TrainingRun) -> Trained:
    """Train with the boundary classification loss."""
    import numpy as np

    from bes.data.images import decode_labels
    from bes.method.boundary_labels import BoundaryLabel
    from bes.method.boundary_loss import boundary_loss

    boundaries = [BoundaryLabel.BOUNDARY_FG_FG, BoundaryLabel.BOUNDARY_FG_BG]

    return train_boundary_network(
        options,
        run,
        name="benet",
        labels_of=lambda record: decode_labels(run.file("boundary_labels", record)),
        open_label=BoundaryLabel.UNCERTAIN,
        has_boundary=lambda labels: bool(np.isin(labels, boundaries).any()),
        loss=lambda logits, labels: boundary_loss(logits, labels)._asdict(),
    )


STAGE = TrainingStage(
    name="benet", options=BenetOptions, fit=fit, reads=("boundary_labels",), model="classifier"
)
