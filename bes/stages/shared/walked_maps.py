"""Scores of the classes, spread by a random walk within the boundaries (Eq. 5)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, Sources
from bes.options.declared import Range


@dataclass(frozen=True)
class WalkOptions:
    """Options of the random walk."""

    beta: Annotated[float, Range(0.0, 1000.0)] = 5.0
    """beta of Eq. 5: the higher, the less the walk crosses weak boundaries."""
    radius: Annotated[int, Range(2, 16)] = 5
    """gamma of Eq. 5: pixels at less than this distance are neighbours, in pixels of the map at
    1/4."""
    steps: Annotated[int, Range(1, 10_000)] = 256
    """Steps of the walk."""
    calibration: Literal["none", "otsu"] = "none"
    """`otsu`: the scores of a photograph are stretched so that Otsu's threshold of them is 1/2, and
    a background threshold of 1/2 is one for each photograph; `none`: as in the paper."""
    tolerance: Annotated[float, Range(1e-7, 0.1)] = 1e-4
    """Largest error of the accelerated walk, as a share of the map's maximum."""


def prepare_walk(options: WalkOptions, sources: Sources, *, seeds: str) -> Compute:
    """Scores of the classes that the stage `seeds` gives, and boundary map -> npz of scores in
    [0, 1] at 1/4, the largest score 1. A map of the background has no part in it."""
    import torch

    from bes.data.images import encode_maps, read_boundary_map, read_maps
    from bes.method.calibration import split_at_half
    from bes.method.random_walk import random_walk

    @torch.inference_mode()
    def compute(record: ImageRecord) -> bytes:
        maps, classes, size = read_maps(sources.file(seeds, record))
        maps, classes = maps[classes > 0], classes[classes > 0]
        boundary = read_boundary_map(sources.file("boundary_maps", record))
        walked = random_walk(
            torch.from_numpy(maps),
            torch.from_numpy(boundary),
            beta=options.beta,
            steps=options.steps,
            radius=options.radius,
            tolerance=options.tolerance,
        )
        # One maximum for all classes keeps their proportion. A map of zeros stays zero.
        largest = walked.max().clamp_min(torch.finfo(walked.dtype).tiny) if len(classes) else 1.0
        scores = (walked / largest).clamp(0, 1).numpy()
        if options.calibration == "otsu":
            scores = split_at_half(scores)
        return encode_maps(scores, classes, size)

    return compute
