"""Stage `boundary_maps`: the boundary probability of every pixel (BENet or IRNet)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class BoundaryMapOptions:
    """Options of the boundary maps."""

    source: Literal["network", "files"] = "network"
    """A boundary network, or the files of `folder`; with these none is trained for the maps."""
    folder: str | None = None
    """Folder with `<image>.png`, `.npy` or `.npz`: the boundary probability."""
    network: Literal["benet", "irnet"] = "benet"
    """Whose boundaries: BENet's, as in the paper, or IRNet's."""
    scales: Annotated[tuple[float, ...], Range(0.1, 8.0)] = (1.0,)
    """Factors that the photograph is resized by; the logits of all scales are averaged."""
    flip: bool = True
    """Average the logits with those of the mirrored photograph."""


def prepare(options: BoundaryMapOptions, sources: Sources) -> Compute:
    """Photograph -> 16-bit PNG of probabilities at 1/4, the sigmoid of the averaged logits; or file
    from outside -> the same."""
    if options.source == "files":
        return _from_files(sources)
    import torch

    from bes.data.augmentation import normalise, rescale
    from bes.data.images import encode_boundary_map
    from bes.data.working_size import read_reduced
    from bes.networks.benet import STRIDE, build_benet
    from bes.networks.grid import resample
    from bes.networks.inference import for_inference
    from bes.training.checkpoints import load_settings, load_weights

    path = sources.model(options.network)
    network = build_benet(load_settings(path), "none")
    for_inference(load_weights(path, network)).to(sources.device)

    def logits(photo, scale: float) -> torch.Tensor:
        size = [-(-length // STRIDE) for length in photo.shape[:2]]
        scaled = rescale(photo, scale)
        image = torch.from_numpy(normalise(scaled))
        images = torch.stack([image, image.flip(-1)] if options.flip else [image])
        result = network(images.to(sources.device))
        result = (result[:1] + result[1:].flip(-1)) / 2 if options.flip else result
        factors = (photo.shape[0] / scaled.shape[0], photo.shape[1] / scaled.shape[1])
        return resample(result, size, factors)

    @torch.inference_mode()
    def compute(record: ImageRecord) -> bytes:
        photo = read_reduced(sources.catalog, record)
        merged = torch.stack([logits(photo, scale) for scale in options.scales]).mean(0)
        return encode_boundary_map(merged[0, 0].sigmoid().float().cpu().numpy())

    return compute


def _from_files(sources: Sources) -> Compute:
    from bes.data.images import encode_boundary_map
    from bes.data.outside_maps import read_boundary

    def compute(record: ImageRecord) -> bytes:
        return encode_boundary_map(
            read_boundary(sources.outside[record.id], sources.catalog, record)
        )

    return compute


STAGE = PerImageStage(
    name="boundary_maps",
    options=BoundaryMapOptions,
    prepare=prepare,
    networks=("benet", "irnet"),
    files=(".png", ".npy", ".npz"),
    on_device=True,
    suffix=".png",
)
