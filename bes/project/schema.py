"""The JSON Schema of the configuration, its tables in Markdown, and the check against it."""

import json
import math
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from bes.errors import BesError
from bes.options.declared import Option, did_you_mean, docs_of, is_line, options_of
from bes.project.sections import BASE, COMPARISONS, NAME, SECTIONS, SHARED, ProjectOptions
from bes.report.comparison import SCORES
from bes.report.published import published


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
    if option.words:
        one = {"type": ["boolean", "string"], "enum": [True, False, *option.words]}
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
        "published": {"type": "string", "enum": list(published()["ablation"]["miou"])},
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


WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""What YAML takes for a boolean."""


def coerced(value: Any, schema: dict[str, Any]) -> Any:
    """A configuration with text read as the number, boolean or null that its schema expects there.

    Snakemake hands over as text what its command line has within braces, and YAML what it does not
    take for a number, such as `1e-4`. Text that is none of these stays as it is.
    """
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {key: coerced(item, known.get(key, others)) for key, item in value.items()}
    if isinstance(value, list):
        return [coerced(item, schema.get("items", {})) for item in value]
    if not isinstance(value, str):
        return value
    kinds = _listed(schema.get("type", []))
    if "null" in kinds and value in ("null", "~", *[""] * ("string" not in kinds)):
        return None
    try:
        if "boolean" in kinds:
            return WORDS.get(value.lower(), value)
        # A whole number as YAML reads it: a sweep calls its experiments by the value.
        if "integer" in kinds or ("number" in kinds and value.lstrip("+-").isdigit()):
            return int(value)
        if "number" in kinds:
            return float(value)
    except ValueError:
        pass
    return value


def validate(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Raises BesError for the first key or value that the schema does not allow."""
    import jsonschema

    # Stricter than JSON Schema, for which 8.0 is an integer; and JSON has no NaN and no infinity.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: (
                type(value) is int or (type(value) is float and math.isfinite(value))
            ),
            "string": lambda _, value: isinstance(value, str) and is_line(value),
        }
    )
    strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)
    for section in ("experiments", "sweeps", COMPARISONS):
        _check_names(section, config.get(section))
    for name, comparison in _items(config.get(COMPARISONS)):
        if isinstance(comparison, dict):
            _check_names(f"{COMPARISONS}.{name}.rows", comparison.get("rows"))
    error = jsonschema.exceptions.best_match(strict(schema).iter_errors(config))
    if error is None:
        return
    place = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        where = f" in {place}" if place else ""
        if isinstance(unknown, str) and unknown.partition(".")[0] in known:
            value = json.dumps(error.instance[unknown], default=str)
            keys = [*map(str, error.absolute_path), *unknown.split(".")]
            raise BesError(
                f"config: found the key {unknown!r}{where}, expected {nested(keys, value)}"
            )
        raise BesError(f"config: unknown key {unknown!r}{where}{did_you_mean(unknown, known)}")
    names = error.schema.get("examples")
    expected = {
        "type": lambda: (
            "a line of text, without control characters and not `--`"
            if isinstance(error.instance, str) and "string" in _listed(error.validator_value)
            else " or ".join(_listed(error.validator_value))
        ),
        "enum": lambda: f"one of {_choices(error.validator_value)}",
        "minimum": lambda: f"at least {error.validator_value:.15g}",
        "maximum": lambda: f"at most {error.validator_value:.15g}",
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


def _check_names(place: str, named: Any) -> None:
    """Raises BesError for a key that no file system or table takes for a name."""
    for name, _ in _items(named):
        if not isinstance(name, str):
            raise BesError(
                f"config: {place}: found the name {name!r}, expected text; put it in quotes"
            )
        if not is_line(name):
            raise BesError(f"config: {place}: found the name {name!r}, expected a line of text")


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else ()


def nested(keys: Sequence[str], value: str) -> str:
    """How a value is written whose keys somebody joined by dots."""
    first, *rest = keys
    for key in reversed(rest):
        value = f"{{{key}: {value}}}"
    return (
        f"one key within the other: `{first}: {value}` in a file, or "
        f"`--config {first}={shlex.quote(value)}`"
    )


def _choices(values: list[Any]) -> str:
    words = [str(value) for value in values]
    return ("; " if any("," in word for word in words) else ", ").join(words)


def _values(schema: dict[str, Any]) -> str:
    low = schema["minItems"]
    return f"{low} values" if low == schema.get("maxItems") else "one value or more"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
