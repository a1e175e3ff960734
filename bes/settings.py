"""The configuration: presets, keys and experiments, resolved to the options of each stage."""

import itertools
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from bes.comparisons import SCORES, Comparison, Sweep, resolve_comparisons
from bes.data.manifest import MAX_SHARDS
from bes.engine.options import Option, Range, did_you_mean, docs_of, options_of
from bes.engine.per_image import PerImageStage
from bes.engine.run_training import TrainingStage
from bes.errors import BesError
from bes.networks.names import BACKBONE
from bes.stages.boundary_scores import COMPARED, BoundaryScoreOptions
from bes.stages.dataset import DatasetOptions
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
}
"""The stages that each stage reads, whatever its options."""

SHARED = ("backbone", "weights", "seed")
"""Keys at the top of the configuration that every training has."""

FOLLOWS = {"evaluation": "revised_threshold", "quality": "threshold"}
"""The options that are `pseudo_labels.threshold` unless given."""

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
    seed: int | None = None
    """Seed of all trainings."""
    policy: Literal["auto", "frozen"] = "auto"
    """`frozen` keeps trained networks when photographs are added, removed or replaced; `auto`
    trains anew."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run; `auto` takes a GPU where there is one."""
    gpus: Annotated[int, Range(1)] = 1
    """GPUs that a training uses."""
    shards: Annotated[int, Range(1, MAX_SHARDS)] = 8
    """Jobs that each per-image stage is divided into; about 256 photographs a job is a good size.
    Choose once: after a change all per-image files are computed anew."""


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

    def folder(self, experiment: str, stage: str) -> Path:
        """Where a stage of an experiment has its files, relative to the working directory."""
        home = self.experiments[experiment].home[stage]
        return Path("results", self.settings.name, home, stage)

    @property
    def wanted(self) -> set[str]:
        """The stages that some experiment needs."""
        return {stage for name in self.experiments for stage in self.wanted_by(name)}

    def wanted_by(self, experiment: str) -> set[str]:
        """The stages that the goal needs of an experiment, evaluation and report included."""
        options = self.experiments[experiment].options
        found: set[str] = {"evaluation", "quality", "report"}
        pending: list[str] = [self.settings.goal, *REPORTED]
        while pending:
            stage = pending.pop()
            if stage not in found:
                found.add(stage)
                pending.extend(parents_of(stage, options))
        return found

    def comparison_folder(self, comparison: str) -> Path:
        """Where a comparison has its files, relative to the working directory."""
        return Path("results", self.settings.name, COMPARISONS, comparison)

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


def parents_of(stage: str, options: dict[str, Any]) -> tuple[str, ...]:
    """The stages that a stage reads with the options of an experiment."""
    declared = STAGES.get(stage)
    if isinstance(declared, PerImageStage):
        return ("dataset", *declared.sources_of(options[stage]))
    return PARENTS[stage]


PRESETS = Path(__file__).parents[1] / "config" / "presets"


def load_project(config: dict[str, Any], *, presets: Path = PRESETS) -> Project:
    """Resolve a configuration; raises BesError naming the key, what was found and what was
    expected."""
    _validate(config)
    settings = ProjectOptions(
        **{o.name: config.get(o.name, o.default) for o in options_of(ProjectOptions)}
    )
    preset = _read_yaml(presets / f"{settings.preset}.yaml")
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
        swept = _sweep(name, sweep or {})
        if taken := sorted(swept.keys() & declared.keys()):
            raise BesError(
                f"config: sweeps.{name}: found the experiment {taken[0]!r}, which is declared "
                "already; expected another name"
            )
        declared |= swept
        sweeps[name] = Sweep(_axes(sweep or {}), tuple(swept))
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
                and all(
                    home[source] == parent.home[source] for source in parents_of(stage, options)
                )
            )
            home[stage] = parent.home[stage] if parent and shared else name
        experiments[name] = Experiment(name, options, home)

    for name in declared:
        resolve(name)
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
    return Project(settings, experiments, comparisons)


def _options(stage: str, layers: list[dict[str, Any]]) -> Any:
    """The options of a stage, later layers over earlier ones."""
    values: dict[str, Any] = {}
    known = {option.name: option for option in options_of(SECTIONS[stage])}
    for layer in layers:
        # A key for all networks is weaker than the same key in a section of the same layer.
        if isinstance(STAGES.get(stage), TrainingStage):
            values |= {key: layer[key] for key in SHARED if layer.get(key) is not None}
        if stage in FOLLOWS and "threshold" in (layer.get("pseudo_labels") or {}):
            values[FOLLOWS[stage]] = layer["pseudo_labels"]["threshold"]
        if stage == "boundary_scores" and "cam_threshold" in (layer.get("evaluation") or {}):
            values["cam_threshold"] = layer["evaluation"]["cam_threshold"]
        values |= layer.get(stage) or {}
    return SECTIONS[stage](**{key: _convert(known[key], value) for key, value in values.items()})


def _convert(option: Option, value: Any) -> Any:
    if option.many and value is not None:
        return tuple(option.kind(item) for item in value)
    return float(value) if option.kind is float and value is not None else value


def _sweep(name: str, sweep: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One experiment for each combination of the listed values:
    `theta_scale=0.3+theta_diff=0.1`."""
    axes = [(stage, key, sweep[stage][key]) for stage, key in _axes(sweep)]
    axes += [("", "seed", sweep["seed"])] if "seed" in sweep else []
    if not axes:
        raise BesError(f"config: sweeps.{name}: found no key, expected one or more with values")
    experiments = {}
    for combination in itertools.product(*(values for _, _, values in axes)):
        overrides: dict[str, Any] = {"base": sweep.get("base", BASE)}
        for (stage, key, _), value in zip(axes, combination, strict=True):
            (overrides.setdefault(stage, {}) if stage else overrides)[key] = value
        label = "+".join(
            f"{key}={_word(value)}" for (_, key, _), value in zip(axes, combination, strict=True)
        )
        experiments[f"{name}+{label}"] = overrides
    return experiments


def _axes(sweep: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The (stage, key) that a sweep lists values of; the seed is none."""
    return tuple((stage, key) for stage in SECTIONS for key in sweep.get(stage) or {})


def _word(value: Any) -> str:
    """A value as a part of a folder's name: `[1.0, 0.5]` is `1.0-0.5`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(value)).strip("-")


def json_schema(*, documented: bool) -> dict[str, Any]:
    """The JSON Schema of the configuration, every key with its default; descriptions on demand."""
    sections = {name: _section_schema(cls, documented) for name, cls in SECTIONS.items()}
    stages = {name: section for name, section in sections.items() if name != "dataset"}
    shared = {
        name: schema
        for name, schema in _section_schema(ProjectOptions, documented)["properties"].items()
        if name in SHARED
    }
    swept = {
        name: section
        | {"properties": {key: _list_of(s) for key, s in section["properties"].items()}}
        for name, section in stages.items()
    }
    base = {"type": "string", "default": BASE}
    top = _section_schema(ProjectOptions, documented)
    top["properties"] |= sections | {
        "experiments": _named(
            "Experiments: name -> the keys that differ from its `base`.",
            {"base": base, **shared, **stages},
        ),
        "sweeps": _named(
            "Sweeps: name -> lists of values; every combination is an experiment.",
            {"base": base, "seed": _list_of(shared["seed"]), **swept},
        ),
        COMPARISONS: _named(
            "Comparisons: name -> what to compare, by default the sweep of that name.",
            {
                "sweeps": _list_of({"type": "string"}),
                "experiments": _list_of({"type": "string"}),
                "rows": _rows_schema(stages),
            },
        ),
    }
    top["properties"]["name"]["pattern"] = NAME
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top}


def markdown_tables() -> str:
    """Every key with its default and description, a Markdown table for each section."""
    lines = []
    for name, cls in {"": ProjectOptions, **SECTIONS}.items():
        docs = docs_of(cls)
        title = f"### `{name}`" if name else "### Top of the file"
        lines += [title, "", "| key | default | takes | what it is |", "|---|---|---|---|"]
        for option in options_of(cls):
            default = json.dumps(option.default).strip('"')
            about = f"{option.expected()} | {docs[option.name]}"
            lines.append(f"| `{option.name}` | `{default}` | {about} |")
        lines.append("")
    return "\n".join(lines)


def _section_schema(cls: type, documented: bool) -> dict[str, Any]:
    docs = docs_of(cls) if documented else {}
    properties = {}
    for option in options_of(cls):
        schema = _value_schema(option)
        schema["default"] = (
            list(option.default) if isinstance(option.default, tuple) else option.default
        )
        if documented:
            schema["description"] = docs[option.name]
        properties[option.name] = schema
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value_schema(option: Option) -> dict[str, Any]:
    names = {int: "integer", float: "number", bool: "boolean", str: "string"}
    one: dict[str, Any] = {"type": names[option.kind]}
    if option.choices:
        one["enum"] = list(option.choices)
    if option.names:
        one["pattern"] = option.names.pattern
        one["examples"] = list(option.names.examples)
    if option.range:
        one["minimum"] = option.range.low
        if option.range.high != float("inf"):
            one["maximum"] = option.range.high
    schema = one
    if option.many:
        schema = {"type": "array", "items": one}
        if option.length:
            schema |= {"minItems": option.length, "maxItems": option.length}
        elif option.default:
            schema["minItems"] = 1
    if option.optional:
        schema["type"] = [schema["type"], "null"]
    return schema


def _list_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": schema}


def _named(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    one = {"type": ["object", "null"], "additionalProperties": False, "properties": properties}
    return {
        "description": description,
        "type": ["object", "null"],
        "default": {},
        "propertyNames": {"pattern": NAME},
        "additionalProperties": one,
    }


def _rows_schema(stages: dict[str, Any]) -> dict[str, Any]:
    """The rows of a comparison: any name -> which experiments, which score, what was published."""
    row = {
        "where": {"type": "object", "additionalProperties": False, "properties": stages},
        "score": {"type": "string", "enum": list(SCORES)},
        "published": {"type": "string"},
    }
    return {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": row,
            "required": ["score"],
        },
    }


def _validate(config: dict[str, Any]) -> None:
    import jsonschema

    # Stricter than JSON Schema, for which 8.0 is an integer; and JSON has no NaN and no infinity.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
        }
    )
    strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)
    for section in ("experiments", "sweeps", COMPARISONS):
        named = config.get(section)
        for name in named if isinstance(named, dict) else ():
            if not isinstance(name, str):
                raise BesError(
                    f"config: {section}: found the name {name!r}, expected text; put it in quotes"
                )
    validator = strict(json_schema(documented=False))
    error = jsonschema.exceptions.best_match(validator.iter_errors(config))
    if error is None:
        return
    place = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        where = f" in {place}" if place else ""
        raise BesError(f"config: unknown key {unknown!r}{where}{did_you_mean(unknown, known)}")
    names = error.schema.get("examples")
    expected = {
        "type": lambda: " or ".join(_listed(error.validator_value)),
        "enum": lambda: f"one of {', '.join(map(str, error.validator_value))}",
        "minimum": lambda: f"at least {error.validator_value:g}",
        "maximum": lambda: f"at most {error.validator_value:g}",
        "minItems": lambda: _values(error.schema),
        "maxItems": lambda: _values(error.schema),
        "required": lambda: f"the key {error.validator_value[0]!r}",
        "pattern": lambda: (
            f"one of {', '.join(names)}{did_you_mean(error.instance, names)}"
            if names
            else "a name of letters, digits and . _ = + -"
        ),
    }.get(error.validator, lambda: error.message)()
    raise BesError(f"config: {place or 'top level'}: found {error.instance!r}, expected {expected}")


def _values(schema: dict[str, Any]) -> str:
    low = schema["minItems"]
    return f"{low} values" if low == schema.get("maxItems") else "one value or more"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def read_project(files: list[Path], overrides: list[str]) -> Project:
    """The project of configuration files and `key=value` overrides, merged as Snakemake does."""
    import yaml
    from snakemake.utils import update_config

    config: dict[str, Any] = {}
    for file in files:
        update_config(config, _read_yaml(file))
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise BesError(f"--config: found {override!r}, expected key=value")
        try:
            update_config(config, {key: yaml.safe_load(value)})
        except yaml.YAMLError as error:
            raise BesError(
                f"--config: found {override!r}, expected YAML after the = ({_one_line(error)})"
            ) from None
    return load_project(config)


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise BesError(f"{path}: no such configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BesError(f"{path}: not YAML ({_one_line(error)})") from None
    if not isinstance(content, dict):
        raise BesError(f"{path}: found {str(content)[:40]!r}, expected keys with values")
    return content


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
