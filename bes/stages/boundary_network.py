"""Training of a network of boundaries on label maps: what BENet and IRNet have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bes.data.manifest import ImageRecord
from bes.engine.options import Range
from bes.engine.run_training import Trained, TrainingRun
from bes.engine.schedule import TrainingOptions
from bes.networks.names import BACKBONE
from bes.stages.initial_weights import build_from

if TYPE_CHECKING:
    import numpy as np

    from bes.engine.training import Loss


@dataclass(frozen=True)
class BoundaryNetworkOptions(TrainingOptions):
    """Options of a network of boundaries and its training."""

    backbone: Annotated[str, BACKBONE] = "resnet50"
    """Network that gives the features, of torchvision or, as `timm:NAME`, of timm; with weights
    `classifier` the classifier's is taken."""
    weights: str = "imagenet"
    """Initial weights of the backbone: `imagenet`, `classifier` (the trained classifier's), `none`,
    or the path of a state-dict file."""
    train_backbone: bool = False
    """Train the backbone too; the published code trains the heads alone."""
    epochs: Annotated[float, Range(0.01)] = 3.0
    """Passes over the training photographs; each is floor(photographs / batch_size) iterations."""
    crop: Annotated[int, Range(32)] = 512
    """Side of the training crop, pixels (the paper prints 513)."""
    scale: Annotated[tuple[float, float], Range(0.1, 8.0)] = (0.5, 1.5)
    """Smallest and largest factor that photograph and labels are resized by at random."""


def train_boundary_network(
    options: BoundaryNetworkOptions,
    run: TrainingRun,
    *,
    name: str,
    labels_of: "Callable[[ImageRecord], np.ndarray]",
    open_label: int,
    loss: "Loss",
) -> Trained:
    """Train on random crops; of the labels, the one in the middle of each cell of 4x4 counts.

    `labels_of` gives the label map of a photograph, uint8 (H,W), in which `open_label` stands for
    pixels without a label, such as those of padding.
    """
    import numpy as np
    import torch

    from bes.data.augmentation import FlipAndCrop, normalise, rescale, rescale_labels
    from bes.data.working_size import read_reduced
    from bes.engine.training import Views, train
    from bes.networks.benet import STRIDE, build_benet
    from bes.networks.grid import labels_of_cells

    records = run.train_records
    torch.manual_seed(options.seed)
    network, settings = build_from(
        build_benet,
        {"backbone": options.backbone},
        weights=options.weights,
        classifier=run.folders["classifier"],
    )
    if not options.train_backbone:
        network.backbone.freeze(len(network.backbone.stages), norm=True)

    def view(index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        photo = read_reduced(run.catalog, records[index])
        labels = labels_of(records[index])
        factor = rng.uniform(options.scale[0], options.scale[1])
        photo, labels = rescale(photo, factor), rescale_labels(labels, factor)
        crop = FlipAndCrop.draw(photo.shape[:2], options.crop, rng)
        labels = crop.apply(labels, open_label)
        return crop.apply(normalise(photo), 0), labels

    history = train(
        network,
        name=name,
        views=Views(view, names=[record.id for record in records], seed=options.seed),
        groups=[{"params": [p for p in network.parameters() if p.requires_grad], "lr": options.lr}],
        loss=lambda logits, labels: loss(
            logits, labels_of_cells(labels, STRIDE, logits.shape[-2:])
        ),
        options=options,
        run=run,
    )
    return Trained(network, settings, {}, history)
