"""Training of a network of boundaries on label maps: what BENet and IRNet have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bes.data.manifest import ImageRecord
from bes.errors import BesError
from bes.incremental.stage import Trained, TrainingRun
from bes.options.backbones import BACKBONE
from bes.options.declared import Range, check_ascending
from bes.stages.shared.initial_weights import build_from
from bes.training.schedule import CROP, TrainingOptions

if TYPE_CHECKING:
    import numpy as np

    from bes.training.loop import Loss


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
    epochs: Annotated[float, Range(0.01, 10_000)] = 3.0
    """Passes over the training photographs; each is floor(photographs / batch_size) iterations."""
    crop: Annotated[int, CROP] = 512
    """Side of the training crop, pixels (the paper prints 513)."""
    scale: Annotated[tuple[float, float], Range(0.1, 8.0)] = (0.5, 1.5)
    """Smallest and largest factor that photograph and labels are resized by at random."""

    def check(self, stage: str) -> None:
        """Raises BesError, which names the stage, for values that do not go together."""
        check_ascending(f"{stage}.scale", *self.scale)


def train_boundary_network(
    options: BoundaryNetworkOptions,
    run: TrainingRun,
    *,
    name: str,
    labels_of: "Callable[[ImageRecord], np.ndarray]",
    open_label: int,
    has_boundary: "Callable[[np.ndarray], bool]",
    loss: "Loss",
) -> Trained:
    """Train on random crops; of the labels, the one in the middle of each cell of 4x4 counts.

    `labels_of` gives the label map of a photograph, uint8 (H,W), in which `open_label` stands for
    pixels without a label, such as those of padding; `has_boundary` says whether there is a
    boundary in such a map. Raises BesError if the trained network tells no pixel from another.
    """
    import numpy as np
    import torch

    from bes.data.augmentation import ResizedCrop
    from bes.data.working_size import read_reduced
    from bes.networks.benet import STRIDE, build_benet
    from bes.networks.grid import labels_of_cells
    from bes.training.loop import Views, train

    records = run.train_records
    torch.manual_seed(options.seed)
    network, settings = build_from(
        build_benet,
        {"backbone": options.backbone},
        weights=options.weights,
        classifier=run.folders.get("classifier"),
    )
    if not options.train_backbone:
        network.backbone.freeze(len(network.backbone.channels), norm=True)

    def view(index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        photo = read_reduced(run.catalog, records[index])
        labels = labels_of(records[index])
        factor = rng.uniform(options.scale[0], options.scale[1])
        crop = ResizedCrop.draw(photo.shape[:2], factor, options.crop, rng)
        return crop.apply_to_photo(photo), crop.apply(labels, open_label)

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
    _check_maps(network, options, run, name=name, labels_of=labels_of, has_boundary=has_boundary)
    return Trained(network, settings, history)


LOOKED_AT = 8
"""Photographs whose boundary maps are looked at after a training."""


def _check_maps(
    network: Any,
    options: BoundaryNetworkOptions,
    run: TrainingRun,
    *,
    name: str,
    labels_of: "Callable[[ImageRecord], np.ndarray]",
    has_boundary: "Callable[[np.ndarray], bool]",
) -> None:
    """Raises BesError, which names the likely cause, where all boundary maps are 0 or 1 everywhere:
    as close to it as the loss looks, so that no further training would mend them."""
    import torch

    from bes.data.augmentation import normalise
    from bes.data.working_size import read_reduced
    from bes.method.boundary_loss import EPSILON

    records = run.train_records[:: -(-len(run.train_records) // LOOKED_AT)]
    device = next(network.parameters()).device
    network.eval()
    found = set()
    with torch.inference_mode():
        for record in records:
            image = torch.from_numpy(normalise(read_reduced(run.catalog, record)))
            low, high = network(image[None].to(device)).float().sigmoid().aminmax()
            if low.isfinite() and high > EPSILON and low < 1 - EPSILON:
                return
            found.add("1" if low >= 1 - EPSILON else "0" if high <= EPSILON else "not a number")
    astray = any(has_boundary(labels_of(record)) for record in run.train_records)
    raise BesError(
        f"{name}: after the training the boundary maps of the {len(records)} photographs looked "
        f"at are {' or '.join(sorted(found))} everywhere, expected boundaries; "
        + (
            "the labels have boundaries, so the training went astray: lower lr "
            f"(found {options.lr:g}) or momentum (found {options.momentum:g})"
            if astray
            else "no training photograph has a boundary in its labels: look at the localisation "
            "maps and at the thresholds that the labels come from"
        )
    )
