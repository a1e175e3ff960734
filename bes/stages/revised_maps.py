"""Stage `revised_maps`: localisation maps spread by a random walk within the boundaries (Eq. 5)."""

from functools import partial

from bes.incremental.stage import PerImageStage
from bes.stages.shared.walked_maps import WalkOptions, prepare_walk

STAGE = PerImageStage(
    name="revised_maps",
    options=WalkOptions,
    prepare=partial(prepare_walk, seeds="cams"),
    reads=("cams", "boundary_maps"),
    photograph=False,
    suffix=".npz",
)
