"""Stage `revised_teacher_maps`: what the teacher sees, spread by the same random walk (Eq. 5)."""

from functools import partial

from bes.incremental.stage import PerImageStage
from bes.stages.shared.walked_maps import WalkOptions, prepare_walk

STAGE = PerImageStage(
    name="revised_teacher_maps",
    options=WalkOptions,
    prepare=partial(prepare_walk, seeds="teacher_maps"),
    reads=("teacher_maps", "boundary_maps"),
    photograph=False,
    optional=True,
    suffix=".npz",
)
