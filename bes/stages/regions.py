"""Stage `regions`: segments of each photograph, as another program found them."""

from dataclasses import dataclass
from typing import Literal

from bes.data.manifest import ImageRecord
from bes.incremental.stage import Compute, PerImageStage, Sources


@dataclass(frozen=True)
class RegionOptions:
    """Options of the segments."""

    source: Literal["none", "files"] = "none"
    """`files`: those of `folder`, each of which gets one label; `none`: pixels decide alone."""
    folder: str | None = None
    """Folder with `<image>.png`, 16-bit or 8-bit grey: the index of the segment, 0 for none."""
    partial: bool = False
    """Photographs without a file have no segments; otherwise that is an error."""


def prepare(options: RegionOptions, sources: Sources) -> Compute:
    """File from outside -> 16-bit grey PNG at working size: indices of segments, 0 for none."""
    import numpy as np

    from bes.data.images import encode_grey
    from bes.data.outside_maps import read_regions

    def compute(record: ImageRecord) -> bytes:
        path = sources.outside.get(record.id)
        if path is None:
            return encode_grey(np.zeros(sources.catalog.working_size(record), np.uint16))
        return encode_grey(read_regions(path, sources.catalog, record))

    return compute


STAGE = PerImageStage(
    name="regions",
    options=RegionOptions,
    prepare=prepare,
    files=(".png", ".npy", ".npz"),
    optional=True,
    suffix=".png",
)
