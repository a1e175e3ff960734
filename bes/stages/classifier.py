"""Stage `classifier`: train the network whose class maps become the CAMs (Section 3.2, Eq. 6-7)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Trained, TrainingRun, TrainingStage
from bes.options.backbones import BACKBONE
from bes.options.declared import Range, check_ascending
from bes.storage.layout import model_file
from bes.training.schedule import CROP, TrainingOptions


@dataclass(frozen=True)
class ClassifierOptions(TrainingOptions):
    """Options of the classification network and its training."""

    backbone: Annotated[str, BACKBONE] = "resnet50"
    """Network that gives the features, its last stage without stride: of torchvision, or
    `timm:NAME` for a model of timm."""
    weights: str = "imagenet"
    """Initial weights of the backbone: `imagenet` (torchvision or timm downloads them), `none`, or
    the path of a state-dict file."""
    pooling: Literal["features", "class_maps", "gap"] = "features"
    """How scores are pooled: `features` attends in each feature channel (published code),
    `class_maps` in each class map (Eq. 6-7 as printed), `gap` averages (the CAM baseline)."""
    attention_k: Annotated[float, Range(0.0, 1000.0)] = 0.001
    """k of Eq. 7, the intensity of the attention; 0 is the average."""
    detach_attention: bool = True
    """Keep gradients out of the attention weights, as the published code does."""
    frozen_stages: Annotated[int, Range(0, 5)] = 3
    """Stages of the backbone, from the input on, that are not trained; what they are is in the
    table of backbones."""
    batch_norm: Literal["frozen", "train"] = "frozen"
    """`frozen` keeps the running statistics of the initial weights; `train` is for weights
    `none`."""
    head_lr_factor: Annotated[float, Range(0.0, 1000.0)] = 10.0
    """Learning rate of the last convolution over that of the backbone."""
    epochs: Annotated[float, Range(0.01, 10_000)] = 5.0
    """Passes over the training photographs; each is floor(photographs / batch_size) iterations."""
    crop: Annotated[int, CROP] = 512
    """Side of the training crop, pixels."""
    resize_long: Annotated[tuple[int, int], Range(32, 8192)] = (320, 512)
    """Smallest and largest length that the longer side is resized to at random, pixels."""

    def __post_init__(self) -> None:
        check_ascending("classifier.resize_long", *self.resize_long)


def fit(options: ClassifierOptions, run: TrainingRun) -> Trained:
    """Train with the multi-label soft margin loss."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    from bes.data.augmentation import ResizedCrop
    from bes.data.working_size import read_reduced
    from bes.networks.classifier import Classifier, build_classifier
    from bes.training.loop import Views, train

    records = run.train_records
    torch.manual_seed(options.seed)
    settings = {
        "backbone": options.backbone,
        "n_classes": len(run.catalog.classes),
        "pooling": options.pooling,
        "k": options.attention_k,
        "detach": options.detach_attention,
    }
    network: Classifier = build_classifier(settings, options.weights)
    network.backbone.freeze(options.frozen_stages, norm=options.batch_norm == "frozen")

    def target(index: int) -> np.ndarray:
        present = np.zeros(len(run.catalog.classes), np.float32)
        present[[label - 1 for label in run.catalog.indices(records[index])]] = 1
        return present

    def view(index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        photo = read_reduced(run.catalog, records[index])
        longer = rng.integers(options.resize_long[0], options.resize_long[1] + 1)
        factor = longer / max(photo.shape[:2])
        crop = ResizedCrop.draw(photo.shape[:2], factor, options.crop, rng)
        return crop.apply_to_photo(photo), target(index)

    def loss(scores: torch.Tensor, present: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"total": F.multilabel_soft_margin_loss(scores, present)}

    trained = [p for p in network.backbone.parameters() if p.requires_grad]
    history = train(
        network,
        name="classifier",
        views=Views(view, names=[record.id for record in records], seed=options.seed),
        groups=[
            {"params": trained, "lr": options.lr},
            {"params": network.classifier.parameters(), "lr": options.lr * options.head_lr_factor},
        ],
        loss=loss,
        options=options,
        run=run,
    )
    return Trained(network, settings, history)


MEASURED_AT_ONCE = {"cpu": 1, "cuda": 16}
"""Photographs that are measured in one batch."""


def measure(options: ClassifierOptions, run: TrainingRun) -> dict[str, Any]:
    """Average precision per class on `val` where there is one, else on `train`.

    A weak classifier is the first cause of bad localisation maps, so its figures are kept.
    """
    import numpy as np
    import torch

    from bes.data.augmentation import normalise
    from bes.data.working_size import read_reduced
    from bes.metrics.average_precision import average_precision
    from bes.networks.classifier import build_classifier
    from bes.networks.inference import for_inference
    from bes.training.checkpoints import load_settings, load_weights

    records = [record for record in run.records if record.split == "val"]
    split = "val" if records else "train"
    records = records or run.train_records
    path = model_file(run.out)
    network = load_weights(path, build_classifier(load_settings(path), "none"))
    for_inference(network).to(run.accelerator)
    scores: list[np.ndarray] = []
    present = []
    with torch.inference_mode():
        for batch in _of_one_size(records, run):
            images = np.stack([normalise(read_reduced(run.catalog, record)) for record in batch])
            scores += [*network(torch.from_numpy(images).to(run.accelerator)).float().cpu().numpy()]
            present += [[name in r.labels for name in run.catalog.classes] for r in batch]
    columns = zip(np.array(scores).T, np.array(present).T, strict=True)
    values = [average_precision(score, truth) for score, truth in columns]
    defined = [value for value in values if not np.isnan(value)]
    mean = round(float(np.mean(defined)), 4) if defined else None
    per_class = {
        name: None if np.isnan(value) else round(float(value), 4)
        for name, value in zip(run.catalog.classes, values, strict=True)
    }
    print(f"classifier: mean average precision on {split}: {mean}")
    for name, value in per_class.items():
        print(f"  {name}: {value}")
    return {"split": split, "average_precision": per_class, "mean_average_precision": mean}


def _of_one_size(records: list[ImageRecord], run: TrainingRun) -> Iterator[list[ImageRecord]]:
    """The photographs in batches, of which a CPU has no use: it takes them one by one."""
    most = MEASURED_AT_ONCE[run.accelerator]
    by_size: dict[tuple[int, int], list[ImageRecord]] = {}
    for record in records:
        by_size.setdefault(run.catalog.working_size(record), []).append(record)
    for same in by_size.values():
        for start in range(0, len(same), most):
            yield same[start : start + most]


STAGE = TrainingStage(name="classifier", options=ClassifierOptions, fit=fit, measure=measure)
