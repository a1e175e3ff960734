"""The segmentation network and its training on label PNGs, for the stages that train one."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.incremental.stage import Trained, TrainingRun
from bes.options.backbones import BACKBONE
from bes.options.declared import Range, check_ascending
from bes.stages.shared.initial_weights import build_from
from bes.training.schedule import BATCH_SIZE, CROP, MAX_ITERATIONS, TrainingOptions


@dataclass(frozen=True)
class SegmenterOptions(TrainingOptions):
    """Options of the segmentation network and its training."""

    head: Literal["aspp", "largefov"] = "aspp"
    """`aspp`: DeepLab-ASPP (of DeepLab-v2, with ResNet-101 in the paper); `largefov`:
    DeepLab-CRF-LargeFOV (with VGG-16)."""
    backbone: Annotated[str, BACKBONE] = "resnet101"
    """Network that gives the features, as of the classifier."""
    weights: str = "imagenet"
    """Initial weights of the backbone: `imagenet`, `classifier` (the trained classifier's), `none`,
    or the path of a state-dict file, such as one trained on COCO."""
    output_stride: Literal[8, 16] = 8
    """Pixels of the photograph per pixel of the features; 16 takes a third of the time."""
    balanced: bool = False
    """Balance the loss between background and foreground, which keeps networks that start from
    ImageNet from ending with background alone."""
    loss_scales: Annotated[tuple[float, ...], Range(0.1, 2.0)] = (1.0, 0.75, 0.5)
    """Scales whose logits, and their maximum, enter the loss."""
    head_lr_factor: Annotated[float, Range(0.0, 1000.0)] = 10.0
    """Learning rate of the head's weights over that of the backbone; its biases have twice that and
    no weight decay."""
    iterations: Annotated[int, Range(0, MAX_ITERATIONS)] = 20000
    """Iterations in all; 0: as many as `epochs` gives."""
    batch_size: Annotated[int, BATCH_SIZE] = 10
    """Photographs per iteration, over all devices together."""
    lr: Annotated[float, Range(0.0, 100.0)] = 2.5e-4
    """Learning rate of the backbone at the start."""
    momentum: Annotated[float, Range(0.0, 1.0)] = 0.9
    """Momentum of SGD."""
    weight_decay: Annotated[float, Range(0.0, 10.0)] = 5e-4
    """Weight decay of SGD."""
    crop: Annotated[int, CROP] = 321
    """Side of the training crop, pixels."""
    scale: Annotated[tuple[float, float], Range(0.1, 8.0)] = (0.5, 1.5)
    """Smallest and largest factor that photograph and labels are resized by at random."""

    def __post_init__(self) -> None:
        check_ascending("segmenter.scale", *self.scale)


def fit_segmenter(
    options: SegmenterOptions, run: TrainingRun, *, name: str, labels: str
) -> Trained:
    """Train the stage `name` on random crops of the photographs and of the PNGs of the stage
    `labels`; BatchNorm keeps the statistics of the initial weights."""
    import numpy as np
    import torch

    from bes.data.augmentation import ResizedCrop
    from bes.data.images import decode_labels
    from bes.data.working_size import read_reduced, resize_labels
    from bes.method.segmentation_loss import VOID, segmentation_loss
    from bes.networks.deeplab import MultiScale, build_deeplab
    from bes.networks.grid import labels_of_cells
    from bes.training.loop import Views, train

    records = run.train_records
    torch.manual_seed(options.seed)
    network, settings = build_from(
        build_deeplab,
        {
            "backbone": options.backbone,
            "n_labels": len(run.catalog.classes) + 1,
            "head": options.head,
            "output_stride": options.output_stride,
        },
        weights=options.weights,
        classifier=run.folders.get("classifier"),
    )
    network.backbone.freeze(0, norm=options.weights != "none")
    # Some models of timm have a coarser one than the option asks for.
    stride = network.backbone.strides[-1]

    def view(index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        photo = read_reduced(run.catalog, records[index])
        target = decode_labels(run.file(labels, records[index]))
        target = resize_labels(target, photo.shape[:2])
        factor = rng.uniform(options.scale[0], options.scale[1])
        crop = ResizedCrop.draw(photo.shape[:2], factor, options.crop, rng)
        return crop.apply_to_photo(photo), crop.apply(target, VOID)

    def loss(logits: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        target = labels_of_cells(target, stride, logits.shape[-2:])
        return {"total": segmentation_loss(logits, target, balanced=options.balanced)}

    no_decay = {"weight_decay": 0.0}
    head_lr = options.lr * options.head_lr_factor
    history = train(
        MultiScale(network, options.loss_scales),
        name=name,
        views=Views(view, names=[record.id for record in records], seed=options.seed),
        groups=[
            {"params": _parameters(network.backbone, bias=False), "lr": options.lr},
            {"params": _parameters(network.backbone, bias=True), "lr": options.lr, **no_decay},
            {"params": _parameters(network.head, bias=False), "lr": head_lr},
            {"params": _parameters(network.head, bias=True), "lr": 2 * head_lr, **no_decay},
        ],
        loss=loss,
        options=options,
        run=run,
    )
    return Trained(network, settings, history)


def _parameters(module, *, bias: bool) -> list:
    """The weights, or the biases, that are trained."""
    return [
        parameter
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and name.endswith("bias") == bias
    ]
