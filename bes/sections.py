"""What a configuration consists of: the sections of the stages and the keys at the top."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bes.data.manifest import MAX_SHARDS
from bes.engine.options import Range
from bes.engine.per_image import PerImageStage
from bes.engine.schedule import SEED
from bes.networks.names import BACKBONE
from bes.stages.boundary_scores import COMPARED, BoundaryScoreOptions
from bes.stages.dataset_kinds import DatasetOptions
from bes.stages.evaluation import SOURCES, EvaluationOptions
from bes.stages.export import ExportOptions
from bes.stages.quality import READS, QualityOptions
from bes.stages.registry import STAGES
from bes.stages.report import OPTIONAL, ReportOptions
from bes.stages.report import SOURCES as REPORTED

SECTIONS: dict[str, type] = {
    "dataset": DatasetOptions,
    **{name: stage.options for name, stage in STAGES.items()},
    "evaluation": EvaluationOptions,
    "boundary_scores": BoundaryScoreOptions,
    "quality": QualityOptions,
    "report": ReportOptions,
    "export": ExportOptions,
}
"""Every stage, in order, with its options."""

PARENTS: dict[str, tuple[str, ...]] = {
    "dataset": (),
    **{name: ("dataset", *stage.sources) for name, stage in STAGES.items()},
    "evaluation": ("dataset", *SOURCES, "predictions"),
    "boundary_scores": ("dataset", *COMPARED),
    "quality": ("dataset", *READS),
    "report": ("dataset", *REPORTED, *OPTIONAL),
    "export": ("dataset", "pseudo_labels"),
    "submission": ("dataset", "predictions"),
    "tables": ("dataset", "evaluation"),
}
"""The stages that each stage reads, whatever its options."""

SHOWN_WHERE_THERE = frozenset({"predictions", *OPTIONAL})
"""The stages that evaluation and report read where the goal needs them."""

SHARED = ("backbone", "weights", "seed")
"""Keys at the top of the configuration that every training has."""

FOLLOWS = {
    ("evaluation", "revised_threshold"): ("pseudo_labels", "threshold"),
    ("quality", "threshold"): ("pseudo_labels", "threshold"),
    ("boundary_scores", "cam_threshold"): ("evaluation", "cam_threshold"),
}
"""The options that are another stage's unless given."""

BASE = "base"
COMPARISONS = "comparisons"
"""The folder of the comparisons, beside those of the experiments."""
TARGETS = {
    *SECTIONS,
    "all",
    "comparison",
    "export_format",
    "fig4",
    "submission",
    "table2_to_4",
    "tables",
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
    declared = STAGES.get(stage)
    if isinstance(declared, PerImageStage):
        return ("dataset", *declared.sources_of(options[stage]))
    return PARENTS[stage]
