"""Stage `foreground`: where a salient object is, as another program says: a foreground prior."""

from dataclasses import dataclass
from typing import Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources


@dataclass(frozen=True)
class ForegroundOptions:
    """Options of the foreground prior."""

    source: Literal["none", "files"] = "none"
    """`files`: those of `folder`, and the pseudo labels heed them; `none`: there is no prior."""
    folder: str | None = None
    """Folder with `<image>.png`, 8-bit grey: the probability of the foreground."""
    partial: bool = False
    """Photographs without a file have no prior; otherwise that is an error."""


def prepare(options: ForegroundOptions, sources: Sources) -> Compute:
    """File from outside -> 8-bit grey PNG at working size: the probability of the foreground."""
    import numpy as np

    from bes.data.images import encode_prior
    from bes.data.outside_maps import read_foreground

    def compute(record: ImageRecord) -> bytes:
        path = sources.outside.get(record.id)
        if path is None:
            return encode_prior(None)
        prior = read_foreground(path, sources.catalog, record)
        return encode_prior(np.rint(prior * 255).astype(np.uint8))

    return compute


STAGE = PerImageStage(
    name="foreground",
    options=ForegroundOptions,
    prepare=prepare,
    files=(".png", ".npy", ".npz"),
    optional=True,
    suffix=".png",
)
