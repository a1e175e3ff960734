"""A trained segmentation network on photographs: probabilities of their labels (DeepLab)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from bes.options.declared import Range

if TYPE_CHECKING:
    import numpy as np

    from bes.data.images import Maps
    from bes.networks.deeplab import DeepLab


@dataclass(frozen=True)
class InferenceOptions:
    """Options of the inference of a segmentation network."""

    scales: Annotated[tuple[float, ...], Range(0.1, 8.0)] = (1.0, 0.75, 0.5)
    """Factors that the photograph is resized by."""
    merge: Literal["max", "mean"] = "max"
    """Of all scales, the highest logit counts, as in the training and in DeepLab-v2, or the mean
    probability."""
    flip: bool = True
    """Average the probabilities with those of the mirrored photograph."""


def load_segmenter(path: Path, device: str) -> "DeepLab":
    """The network that `bes segmenter` wrote, in the form for inference.

    Raises BesError for a file that is damaged or holds another network.
    """
    from bes.networks.deeplab import build_deeplab
    from bes.networks.inference import for_inference
    from bes.training.checkpoints import load_settings, load_weights

    network = build_deeplab(load_settings(path), "none")
    for_inference(load_weights(path, network))
    return network.to(device)


def mapper(
    options: InferenceOptions, network: "DeepLab", device: str, *, least_probability: float
) -> "Callable[[Sequence[np.ndarray], Sequence[Collection[int] | None]], list[Maps]]":
    """A function from N photographs of one size, uint8 (H, W, 3), to the maps of each.

    Beside each photograph it takes the indices of the labels that it may have, 0 among them; None:
    any. The maps are probabilities at 1/4, rounded to float16 as they are stored; labels that are
    less probable than `least_probability` everywhere are left out.
    """
    import numpy as np
    import torch
    import torch.nn.functional as F

    from bes.data.augmentation import normalise, rescale
    from bes.data.images import Maps
    from bes.networks.deeplab import probability_of_scales
    from bes.networks.grid import resample

    stride = network.backbone.strides[-1]

    def logits(photos: Sequence[np.ndarray], scale: float) -> torch.Tensor:
        scaled = [rescale(photo, scale) for photo in photos]
        images = torch.from_numpy(np.stack([normalise(photo) for photo in scaled]))
        images = torch.cat([images, images.flip(-1)]) if options.flip else images
        # To whole cells, with what the crops of the training are padded with.
        bottom, right = (-length % stride for length in images.shape[-2:])
        result = network(F.pad(images, (0, right, 0, bottom)).to(device))
        height, width = (
            stride / 4 * length / other
            for length, other in zip(photos[0].shape[:2], images.shape[-2:], strict=True)
        )
        return resample(result, [length // 4 for length in photos[0].shape[:2]], (height, width))

    @torch.inference_mode()
    def maps_of(
        photos: Sequence[np.ndarray], shown: Sequence[Collection[int] | None]
    ) -> list[Maps]:
        size = photos[0].shape[:2]
        # To whole cells of the map, so that those of the mirrored photograph are the same ones.
        bottom, right = (-length % 4 for length in size)
        whole = [np.pad(photo, ((0, bottom), (0, right), (0, 0)), mode="edge") for photo in photos]
        each = torch.stack([logits(whole, scale) for scale in options.scales]).float()
        allowed = np.ones((len(photos), each.shape[2]), bool)
        for number, labels in enumerate(shown):
            if labels is not None:
                allowed[number] = np.isin(np.arange(each.shape[2]), list(labels))
                each[:, number :: len(photos), ~allowed[number]] = -torch.inf
        both = probability_of_scales(each, merge=options.merge)
        if options.flip:
            both = (both[: len(photos)] + both[len(photos) :].flip(-1)) / 2
        found = []
        for maps, possible in zip(both.cpu().numpy(), allowed, strict=True):
            # The likeliest one always: a photograph without any has no label at all.
            peaks = np.where(possible, maps.max((1, 2)), -1)
            kept = np.flatnonzero(peaks >= min(least_probability, peaks.max()))
            rounded = maps[kept].astype(np.float16).astype(np.float32)
            found.append(Maps(rounded, kept.astype(np.uint8), size))
        return found

    return maps_of
