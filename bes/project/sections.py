"""What a configuration consists of: the sections of the stages and the keys at the top."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bes.data.manifest import MAX_SHARDS
from bes.incremental.stage import NoOptions, all_stages, is_per_image
from bes.options.backbones import BACKBONE
from bes.options.declared import Range, options_of
from bes.training.schedule import SEED

SECTIONS: dict[str, type] = {
    name: stage.options for name, stage in all_stages().items() if stage.options is not NoOptions
}
"""Every stage that has options, upstream first."""

SHARED = ("backbone", "weights", "seed")
"""Keys at the top of the configuration that every training has."""

FOLLOWS: dict[tuple[str, str], tuple[str, str]] = {
    ("evaluation", "revised_threshold"): ("pseudo_labels", "threshold"),
    ("quality", "threshold"): ("pseudo_labels", "threshold"),
    ("boundary_scores", "cam_threshold"): ("evaluation", "cam_threshold"),
    # The teacher is a segmentation network of the labels that there would be without it, and its
    # maps are revised as the localisation maps are.
    **{
        (follower, option.name): (followed, option.name)
        for follower, followed in (
            ("teacher_labels", "pseudo_labels"),
            ("teacher", "segmenter"),
            ("teacher_maps", "segmentation_maps"),
            ("revised_teacher_maps", "revised_maps"),
        )
        for option in options_of(SECTIONS[follower])
        if option.name != "source"
    },
}
"""The options that are another stage's unless given."""

BASE = "base"
COMPARISONS = "comparisons"
"""The folder of the comparisons, beside those of the experiments."""
TARGETS = {
    *all_stages(),
    *(f"{stage}_of_image" for stage in all_stages() if is_per_image(stage)),
    *("all", "export_format", "fig4", "table2_to_4"),
}
"""Rules, so that a comparison, which is a target by its name, cannot be called so."""
NAME = "^[A-Za-z0-9][A-Za-z0-9._=+-]*$"


@dataclass(frozen=True)
class ProjectOptions:
    """Keys at the top of the configuration."""

    name: str = "photographs"
    """Name of the dataset: results go to `results/<name>/<experiment>/<stage>/`."""
    preset: Literal["official", "paper"] = "official"
    """Settings that the keys below change: `official` follows the published code and its numbers,
    `paper` what the paper prints."""
    goal: Literal["pseudo_labels", "predictions"] = "pseudo_labels"
    """How far the workflow goes: `predictions` also trains a segmentation network on the pseudo
    labels and applies it to the photographs held out."""
    backbone: Annotated[str | None, BACKBONE] = None
    """Backbone of all networks."""
    weights: str | None = None
    """Initial weights of all networks: `imagenet`, `none`, or the path of a state-dict file."""
    seed: Annotated[int | None, SEED] = None
    """Seed of all trainings."""
    policy: Literal["auto", "frozen"] = "auto"
    """`frozen` keeps trained networks when photographs are added, removed or replaced; `auto`
    trains anew."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run; `auto` takes a GPU where there is one."""
    gpus: Annotated[int, Range(1, 1024)] = 1
    """GPUs that a training uses."""
    shards: Annotated[int, Range(1, MAX_SHARDS)] = 8
    """Jobs that each per-image stage is divided into; about 256 photographs a job is a good size.
    Choose once: after a change all per-image files are computed anew."""


def parents_of(stage: str, options: dict[str, Any]) -> tuple[str, ...]:
    """The stages that a stage reads with the options of an experiment."""
    if stage == "dataset":
        return ()
    stages = all_stages()
    parents = stages[stage].parents(options.get(stage))
    return ("dataset", *(name for name in parents if stages[name].there(options)))
