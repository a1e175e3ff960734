"""Stage `cams`: localisation maps of the classes present in each photograph (Eq. 8)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class CamOptions:
    """Options of the localisation maps."""

    source: Literal["classifier", "files"] = "classifier"
    """The classifier, or the files of `folder`, for which no classifier is trained."""
    folder: str | None = None
    """Folder with `<image>.npz`, `.npy` or `.png`: scores from 0 to 1 of the classes present."""
    scales: Annotated[tuple[float, ...], Range(0.1, 8.0)] = (1.0, 0.5, 1.5, 2.0)
    """Factors that the photograph is resized by; the maps of all scales are summed."""
    flip: bool = True
    """Add the maps of the mirrored photograph."""
    relu: bool = True
    """Cut negative activations to 0 before the scales are summed, as the published code does; Eq. 8
    does not."""
    floor: Annotated[float, Range(0.0, 0.9)] = 0.0
    """Share of a photograph that is background in any case: the score that so much of it stays
    below counts as 0. 0: as published. For few photographs, whose classifier leaves a haze."""


def prepare(options: CamOptions, sources: Sources) -> Compute:
    """Photograph -> npz of maps in [0, 1] at 1/4, the merged scales divided by each class's
    maximum; or file from outside -> npz of its maps."""
    if options.source == "files":
        return _from_files(sources)
    import torch

    from bes.data.augmentation import normalise, rescale
    from bes.data.images import encode_maps
    from bes.data.working_size import read_reduced
    from bes.method.localization import lower, merge_scales
    from bes.networks.classifier import build_classifier
    from bes.networks.inference import for_inference
    from bes.training.checkpoints import load_settings, load_weights

    path = sources.model("classifier")
    network = build_classifier(load_settings(path), "none")
    for_inference(load_weights(path, network)).to(sources.device)

    def raw_maps(photo) -> torch.Tensor:
        image = torch.from_numpy(normalise(photo))
        images = torch.stack([image, image.flip(-1)] if options.flip else [image])
        maps = network.class_maps(images.to(sources.device))
        maps = maps.relu() if options.relu else maps
        return maps[0] + maps[1].flip(-1) if options.flip else maps[0]

    @torch.inference_mode()
    def compute(record: ImageRecord) -> bytes:
        photo = read_reduced(sources.catalog, record)
        classes = sources.catalog.indices(record)
        maps = merge_scales(
            [raw_maps(rescale(photo, scale)) for scale in options.scales]
            if classes
            else [torch.zeros(0, 1, 1)],
            photo.shape[:2],
            present=[index - 1 for index in classes],
            stride=4,
        )
        if options.floor and classes:
            maps = lower(maps, options.floor)
        return encode_maps(maps.clamp(0, 1).cpu().numpy(), classes, photo.shape[:2])

    return compute


def _from_files(sources: Sources) -> Compute:
    from bes.data.images import encode_maps
    from bes.data.outside_maps import read_class_maps

    def compute(record: ImageRecord) -> bytes:
        maps = read_class_maps(sources.outside[record.id], sources.catalog, record)
        catalog = sources.catalog
        return encode_maps(maps, catalog.indices(record), catalog.working_size(record))

    return compute


STAGE = PerImageStage(
    name="cams",
    options=CamOptions,
    prepare=prepare,
    model="classifier",
    files=(".npz", ".npy", ".png"),
    on_device=True,
    suffix=".npz",
)
