"""The stages of the pipeline in order, and what each reads."""

from bes.engine.per_image import PerImageStage
from bes.engine.run_training import TrainingStage
from bes.stages import (
    benet,
    boundary_labels,
    boundary_maps,
    cams,
    classifier,
    irnet,
    predictions,
    pseudo_labels,
    revised_maps,
    segmentation_maps,
    segmenter,
)

STAGES: dict[str, PerImageStage | TrainingStage] = {
    module.STAGE.name: module.STAGE
    for module in (
        classifier,
        cams,
        boundary_labels,
        benet,
        irnet,
        boundary_maps,
        revised_maps,
        pseudo_labels,
        segmenter,
        segmentation_maps,
        predictions,
    )
}
