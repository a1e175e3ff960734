"""The configuration: presets, keys and experiments, resolved to the options of each stage."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bes.data.manifest import shard_name
from bes.errors import BesError
from bes.incremental.outside import check_source
from bes.incremental.stage import PerImageStage, TrainingStage, all_stages, stage_of
from bes.options.declared import Option, options_of
from bes.project.comparisons import resolve_comparisons
from bes.project.config_files import read_config, read_yaml
from bes.project.schema import coerced, json_schema, validate
from bes.project.sections import (
    BASE,
    COMPARISONS,
    FOLLOWS,
    SECTIONS,
    SHARED,
    TARGETS,
    ProjectOptions,
    parents_of,
)
from bes.project.shipped import SHIPPED
from bes.project.sweeps import Sweep, axes_of, experiments_of
from bes.report.comparison import Comparison


@dataclass(frozen=True)
class Experiment:
    """The options of all stages, and in whose folder each stage's files lie."""

    name: str
    options: dict[str, Any]
    home: dict[str, str]
    """Stage -> the experiment that computes it: this one from its first difference on, else its
    base."""


@dataclass(frozen=True)
class Project:
    """A resolved configuration."""

    settings: ProjectOptions
    experiments: dict[str, Experiment]
    comparisons: dict[str, Comparison]
    """Those that are declared, and one of each other sweep."""
    results: Path = Path("results")
    """Where all of them lie, relative to the working directory."""

    def folder(self, experiment: str, stage: str) -> Path:
        """Where a stage of an experiment has its files, relative to the working directory."""
        return self.results / self.settings.name / self.home(experiment, stage) / stage

    def home(self, experiment: str, stage: str) -> str:
        """The experiment that computes a stage of an experiment: itself, or one it is based on."""
        return self.experiments[experiment].home.get(stage, experiment)

    @property
    def shards(self) -> list[str]:
        """The names of the shards, which are those of their receipts."""
        return [shard_name(shard) for shard in range(self.settings.shards)]

    @property
    def wanted(self) -> set[str]:
        """The stages that some experiment needs."""
        return {stage for name in self.experiments for stage in self.wanted_by(name)}

    def wanted_by(self, experiment: str) -> set[str]:
        """The stages that the goal needs of an experiment.

        Those are the goal, and all that nobody reads and that is not on demand, such as the report,
        with what they read. What they *may* read is there where something else needs it.
        """
        options = self.experiments[experiment].options
        stages = all_stages()
        read = {parent for stage in stages.values() for parent in stage.possible_parents}
        found: set[str] = set()
        pending: list[str] = [self.settings.goal]
        pending += [n for n, stage in stages.items() if n not in read and not stage.on_demand]
        while pending:
            stage = pending.pop()
            if stage not in found:
                found.add(stage)
                parents = parents_of(stage, options)
                pending += [p for p in parents if p not in stages[stage].may_read]
        return found

    def read_by(self, stage: str, experiment: str) -> dict[str, Path]:
        """The folders of the stages that a stage of an experiment reads, without the dataset's."""
        parents = parents_of(stage, self.experiments[experiment].options)
        wanted = self.wanted_by(experiment)
        return {
            parent: self.folder(experiment, parent)
            for parent in parents
            if parent != "dataset" and (parent in wanted or parent not in stage_of(stage).may_read)
        }

    def comparison_folder(self, comparison: str) -> Path:
        """Where a comparison has its files, relative to the working directory."""
        return self.results / self.settings.name / COMPARISONS / comparison

    def evaluations(self, comparison: str) -> dict[str, Path]:
        """Experiment of a comparison -> the folder of its evaluation."""
        names = self.comparisons[comparison].experiments
        return {name: self.folder(name, "evaluation") for name in names}

    def comparison_plan(self, comparison: str) -> dict[str, Any]:
        """What `bes comparison --plan` reads, as a value that JSON can write."""
        folders = self.evaluations(comparison)
        return {
            "comparison": self.comparisons[comparison].as_json(),
            "evaluations": {name: str(folder) for name, folder in folders.items()},
        }

    def computed(self) -> list[tuple[str, Path]]:
        """Every (stage, folder) that some experiment computes, each once."""
        places = {
            (experiment.home[stage], stage)
            for name, experiment in self.experiments.items()
            for stage in self.wanted_by(name)
        }
        return [
            (stage, self.folder(name, stage))
            for name in self.experiments
            for stage in SECTIONS
            if (name, stage) in places
        ]


MAX_NAME = 120
"""Characters of a name: folders have at most 255, and sheets of two experiments are called by
both."""
PRESETS = SHIPPED / "config" / "presets"


def load_project(config: dict[str, Any], *, presets: Path = PRESETS) -> Project:
    """Resolve a configuration; raises BesError naming the key, what was found and what was
    expected."""
    schema = json_schema(documented=False)
    config = coerced(config, schema)
    validate(config, schema)
    settings = ProjectOptions(
        **{o.name: config.get(o.name, o.default) for o in options_of(ProjectOptions)}
    )
    preset = read_yaml(presets / f"{settings.preset}.yaml")
    named = config.get("experiments") or {}
    if BASE in named:
        raise BesError(
            f"config: experiments: found the name {BASE!r}, expected another; the keys at the top "
            f"of the configuration are those of {BASE}"
        )
    if COMPARISONS in named:
        raise BesError(
            f"config: experiments: found the name {COMPARISONS!r}, expected another; it is that of "
            "the folder of the comparisons"
        )
    declared: dict[str, dict[str, Any]] = {
        BASE: {},
        **{name: keys or {} for name, keys in named.items()},
    }
    sweeps: dict[str, Sweep] = {}
    for name, sweep in (config.get("sweeps") or {}).items():
        swept = experiments_of(name, sweep or {})
        if taken := sorted(swept.keys() & declared.keys()):
            raise BesError(
                f"config: sweeps.{name}: found the experiment {taken[0]!r}, which is declared "
                "already; expected another name"
            )
        declared |= swept
        sweeps[name] = Sweep(axes_of(sweep or {}), tuple(swept))
    for name, sweep in (config.get("sweeps") or {}).items():
        if (base := (sweep or {}).get("base", BASE)) not in declared:
            raise BesError(
                f"config: sweeps.{name}.base: found {base!r}, expected one of "
                + ", ".join([BASE, *named])
            )
    experiments: dict[str, Experiment] = {}
    overrides: dict[str, list[dict[str, Any]]] = {}

    def resolve(name: str, waiting: tuple[str, ...] = ()) -> None:
        if name in experiments:
            return
        base = declared[name].get("base", BASE)
        if base not in declared or name in waiting:
            raise BesError(
                f"config: experiments.{name}.base: found {base!r}, expected "
                + ("no circle" if name in waiting else f"one of {', '.join(declared)}")
            )
        if name == BASE:
            overrides[name] = [preset, config]
        else:
            resolve(base, (*waiting, name))
            overrides[name] = [*overrides[base], declared[name]]
        options = {stage: _options(stage, overrides[name]) for stage in SECTIONS}
        parent = experiments.get(base)
        home: dict[str, str] = {}
        for stage in SECTIONS:
            shared = (
                parent is not None
                and options[stage] == parent.options[stage]
                and parents_of(stage, options) == parents_of(stage, parent.options)
                and all(
                    home[source] == parent.home[source] for source in parents_of(stage, options)
                )
            )
            home[stage] = parent.home[stage] if parent and shared else name
        experiments[name] = Experiment(name, options, home)

    for name in declared:
        resolve(name)
    _check_lengths({"name": [settings.name], "experiments": declared})
    for section in ("sweeps", COMPARISONS):
        if taken := sorted(TARGETS.intersection(config.get(section) or {})):
            raise BesError(
                f"config: {section}: found the name {taken[0]!r}, expected another; it is that "
                "of a rule"
            )
    comparisons = resolve_comparisons(
        config.get("comparisons") or {},
        sweeps=sweeps,
        options={name: experiment.options for name, experiment in experiments.items()},
    )
    _check_lengths({COMPARISONS: comparisons})
    project = Project(settings, experiments, comparisons)
    _check_batches(project)
    _check_sources(project)
    return project


def _trainings(project: Project) -> Iterator[tuple[TrainingStage, Any, str]]:
    """Every training that some experiment needs, its options, and of whose they are, in words."""
    for name, experiment in project.experiments.items():
        wanted = project.wanted_by(name)
        for stage in all_stages().values():
            if isinstance(stage, TrainingStage) and stage.name in wanted:
                of = "" if name == BASE else f" of {name}"
                yield stage, experiment.options[stage.name], of


def _check_lengths(named: dict[str, Iterable[str]]) -> None:
    """Raises BesError for a name that no folder can have."""
    for key, names in named.items():
        for name in names:
            if len(name) > MAX_NAME:
                raise BesError(
                    f"config: {key}: found the name {name[:40]!r}... of {len(name)} characters, "
                    f"expected at most {MAX_NAME}"
                )


def _check_batches(project: Project) -> None:
    """Raises BesError for a batch that the GPUs cannot share, before anything is trained."""
    for stage, options, of in _trainings(project):
        if options.batch_size % project.settings.gpus:
            raise BesError(
                f"config: {stage.name}.batch_size{of}: found {options.batch_size}, expected "
                f"a multiple of the {project.settings.gpus} gpus"
            )


def _check_sources(project: Project) -> None:
    """Raises BesError for files from outside without a folder, and the other way round."""
    for name, experiment in project.experiments.items():
        for stage in all_stages().values():
            if isinstance(stage, PerImageStage) and stage.files:
                check_source(
                    stage, experiment.options[stage.name], "" if name == BASE else f" of {name}"
                )


def check_weights(project: Project) -> None:
    """Raises BesError for a file of initial weights that is not there, before anything is
    trained."""
    for stage, options, of in _trainings(project):
        words = ["imagenet", "none", *([stage.model] if stage.model else [])]
        if options.weights not in words and not Path(options.weights).is_file():
            raise BesError(
                f"config: {stage.name}.weights{of}: found {options.weights!r}, which is no "
                f"file, expected {', '.join(words)} or the path of a state-dict file"
            )


def outside_stages(project: Project) -> Iterator[tuple[PerImageStage, Any]]:
    """Every stage that some experiment has read files from outside, with its options there; each
    once."""
    seen = set()
    for name, experiment in project.experiments.items():
        for stage in map(stage_of, sorted(project.wanted_by(name))):
            options = experiment.options.get(stage.name)
            if (
                isinstance(stage, PerImageStage)
                and stage.from_files(options)
                and (stage.name, options) not in seen
            ):
                seen.add((stage.name, options))
                yield stage, options


def _options(stage: str, layers: list[dict[str, Any]]) -> Any:
    """The options of a stage, later layers over earlier ones."""
    values: dict[str, Any] = {}
    known = {option.name: option for option in options_of(SECTIONS[stage])}
    for layer in layers:
        # A key for all networks is weaker than the same key in a section of the same layer.
        if isinstance(stage_of(stage), TrainingStage):
            values |= {key: layer[key] for key in SHARED if layer.get(key) is not None}
        for (follower, key), (source, followed) in FOLLOWS.items():
            if follower == stage and followed in (layer.get(source) or {}):
                values[key] = layer[source][followed]
        values |= layer.get(stage) or {}
    return SECTIONS[stage](**{key: _convert(known[key], value) for key, value in values.items()})


def _convert(option: Option, value: Any) -> Any:
    if option.many and value is not None:
        return tuple(option.kind(item) for item in value)
    return float(value) if option.kind is float and value is not None else value


def read_project(files: list[Path], overrides: list[str]) -> Project:
    """The project of configuration files and `key=value` overrides."""
    return load_project(read_config(files, overrides))
