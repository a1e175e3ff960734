"""Stage `segmentation_maps`: class probabilities of held-out photographs (DeepLab)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class SegmentationMapOptions:
    """Options of the inference of the segmentation network."""

    scales: Annotated[tuple[float, ...], Range(0.1, 8.0)] = (1.0, 0.75, 0.5)
    """Factors that the photograph is resized by."""
    merge: Literal["max", "mean"] = "max"
    """Of all scales, the highest logit counts, as in the training and in DeepLab-v2, or the mean
    probability."""
    flip: bool = True
    """Average the probabilities with those of the mirrored photograph."""
    least_probability: Annotated[float, Range(0.0, 1.0)] = 0.01
    """Labels that are less probable than this everywhere are not stored."""


def prepare(options: SegmentationMapOptions, sources: Sources) -> Compute:
    """Photograph -> npz of probabilities at 1/4 of the labels that come into question."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    from bes.data.augmentation import normalise, rescale
    from bes.data.images import encode_maps
    from bes.data.working_size import read_reduced
    from bes.networks.deeplab import build_deeplab, probability_of_scales
    from bes.networks.grid import resample
    from bes.networks.inference import for_inference
    from bes.training.checkpoints import load_settings, load_weights

    path = sources.model("segmenter")
    network = build_deeplab(load_settings(path), "none")
    for_inference(load_weights(path, network)).to(sources.device)

    def logits(photo, scale: float) -> torch.Tensor:
        scaled = rescale(photo, scale)
        image = torch.from_numpy(normalise(scaled))
        images = torch.stack([image, image.flip(-1)] if options.flip else [image])
        stride = network.backbone.strides[-1]
        # To whole cells, with what the crops of the training are padded with.
        bottom, right = (-length % stride for length in scaled.shape[:2])
        result = network(F.pad(images, (0, right, 0, bottom)).to(sources.device))
        height, width = (
            stride / 4 * length / other
            for length, other in zip(photo.shape[:2], scaled.shape[:2], strict=True)
        )
        return resample(result, [length // 4 for length in photo.shape[:2]], (height, width))

    @torch.inference_mode()
    def compute(record: ImageRecord) -> bytes:
        photo = read_reduced(sources.catalog, record)
        # To whole cells of the map, so that those of the mirrored photograph are the same ones.
        bottom, right = (-length % 4 for length in photo.shape[:2])
        whole = np.pad(photo, ((0, bottom), (0, right), (0, 0)), mode="edge")
        each = torch.stack([logits(whole, scale) for scale in options.scales])
        both = probability_of_scales(each.float(), merge=options.merge)
        probability = (both[0] + both[1].flip(-1)) / 2 if options.flip else both[0]
        maps = probability.cpu().numpy()
        kept = np.flatnonzero(maps.max((1, 2)) >= options.least_probability)
        return encode_maps(maps[kept], kept, photo.shape[:2])

    return compute


STAGE = PerImageStage(
    name="segmentation_maps",
    options=SegmentationMapOptions,
    prepare=prepare,
    model="segmenter",
    on_device=True,
    suffix=".npz",
    held_out=True,
)
