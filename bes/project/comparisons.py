"""Which experiments a comparison sets side by side: rows of those that differ in the seed alone."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bes.errors import BesError
from bes.incremental.stage import TrainingStage, all_stages
from bes.project.sweeps import Sweep
from bes.report.comparison import Comparison, Row

SEEDED = [name for name, stage in all_stages().items() if isinstance(stage, TrainingStage)]


def resolve_comparisons(
    declared: Mapping[str, Any],
    *,
    sweeps: Mapping[str, Sweep],
    options: Mapping[str, Mapping[str, Any]],
) -> dict[str, Comparison]:
    """The declared comparisons, and one of each sweep that has none of its name.

    Args:
        declared: the section `comparisons` of the configuration.
        sweeps: name -> sweep.
        options: experiment -> stage -> options.

    Raises:
        BesError: an unknown name, or a row without experiments or with different ones.
    """
    keys = {name: {} for name in sweeps} | {name: keys or {} for name, keys in declared.items()}
    return {name: _resolve(name, comparison, sweeps, options) for name, comparison in keys.items()}


def _resolve(
    name: str,
    declared: Mapping[str, Any],
    sweeps: Mapping[str, Sweep],
    options: Mapping[str, Mapping[str, Any]],
) -> Comparison:
    place = f"config: comparisons.{name}"
    listed = declared.get("experiments", [])
    chosen = declared.get("sweeps", [] if listed else [name])
    for kind, names, known in (("sweeps", chosen, sweeps), ("experiments", listed, options)):
        for one in names:
            if one not in known:
                near = difflib.get_close_matches(one, known, n=1, cutoff=0.0)
                raise BesError(
                    f"{place}.{kind}: found no {one!r}"
                    + (f"; did you mean {near[0]!r}?" if near else f", expected a name of {kind}")
                )
    swept = [experiment for sweep in chosen for experiment in sweeps[sweep].experiments]
    members = list(dict.fromkeys([*swept, *listed]))
    if "rows" in declared:
        rows = tuple(
            _declared_row(f"{place}.rows.{label}", label, row, members, options)
            for label, row in declared["rows"].items()
        )
        return Comparison(name, (), rows)
    axes = tuple(
        dict.fromkeys(
            f"{stage}.{key}"
            for sweep in chosen
            for stage, key in sweeps[sweep].axes
            if key != "seed"
        )
    )
    rows = tuple(
        _row(
            _label(group[0], axes, options) if group[0] in swept else group[0], group, axes, options
        )
        for group in _by_all_but_seed(members, options)
    )
    return Comparison(name, axes, rows)


def _declared_row(
    place: str,
    label: str,
    declared: Mapping[str, Any],
    members: list[str],
    options: Mapping[str, Mapping[str, Any]],
) -> Row:
    where = [
        (stage, key, value)
        for stage, keys in declared.get("where", {}).items()
        for key, value in keys.items()
    ]
    found = [
        member
        for member in members
        if all(_value(options[member], f"{stage}.{key}") == value for stage, key, value in where)
    ]
    wanted = ", ".join(f"{stage}.{key}: {value}" for stage, key, value in where) or "any"
    groups = _by_all_but_seed(found, options)
    if len(groups) != 1:
        raise BesError(
            f"{place}.where: found "
            + (f"{groups[0][0]} and {groups[1][0]}" if groups else "no experiment")
            + f" with {wanted}, expected experiments that differ in the seed alone"
        )
    row = _row(label, groups[0], (), options)
    return replace(row, score=declared["score"], published=declared.get("published", ""))


def _row(
    label: str,
    members: list[str],
    axes: tuple[str, ...],
    options: Mapping[str, Mapping[str, Any]],
) -> Row:
    seeds = {
        member: " ".join(dict.fromkeys(str(options[member][stage].seed) for stage in SEEDED))
        for member in members
    }
    return Row(label, {axis: _value(options[members[0]], axis) for axis in axes}, seeds)


def _label(member: str, axes: tuple[str, ...], options: Mapping[str, Mapping[str, Any]]) -> str:
    values = (f"{axis.partition('.')[2]} {_value(options[member], axis)}" for axis in axes)
    return ", ".join(values) or "seeds"


def _value(options: Mapping[str, Any], axis: str) -> Any:
    stage, _, key = axis.partition(".")
    value = getattr(options[stage], key)
    # As JSON gives it back.
    return list(value) if isinstance(value, tuple) else value


def _by_all_but_seed(
    members: list[str], options: Mapping[str, Mapping[str, Any]]
) -> list[list[str]]:
    """The members in groups whose options differ in the seed alone; of equal ones the first."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    seen = set()
    for member in members:
        every = tuple(options[member].items())
        if every in seen:
            continue
        seen.add(every)
        key = tuple(replace(value, seed=0) if stage in SEEDED else value for stage, value in every)
        groups.setdefault(key, []).append(member)
    return list(groups.values())
